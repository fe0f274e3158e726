import Crypto
import Ledger
import Primitives
import Testing

/// Notes and keys that others have published, and keys of our own.
enum NoteSamples {
    /// A note, the key that verifies it, and the text that is in it.
    struct Published: Sendable, CustomTestStringConvertible {
        let vkey: Text
        let text: Text
        let signatures: Text

        var bytes: [UInt8] { (text + "\n" + signatures).bytes }
        var testDescription: String { vkey.string }
    }

    /// The example of the C2SP signed-note specification.
    static let specification = Published(
        vkey: "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        text: "This is an example message.\n",
        signatures: """
            — example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=

            """)

    /// The example of Go's `golang.org/x/mod/sumdb/note`.
    static let go = Published(
        vkey: "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        text: """
            If you think cryptography is the answer to your problem,
            then you don't know what your problem is.

            """,
        signatures: """
            — PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=

            """)

    /// The private key of that example.
    static let goSeed = "gQoUAtUUbI2E8kQzMPVAgOv5juF9nHT2JS_F1ccoMXM"

    /// A checkpoint of the Go checksum database; its origin is not the name of its key.
    static let checksumDatabase = Published(
        vkey: "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8",
        text: """
            go.sum database tree
            63096908
            8lHrQPRYe4KT4WQ9/Qk8/taKnD6IRHbFgfN7vQE2Y54=

            """,
        signatures: """
            — sum.golang.org Az3gri/oVBN1jAhNZ/iS+W31psFAWRT20/GyrhpU6taFwulQGetBkH5S7wpGXdS935jiIGiUUAXBVHzT/P6fYhqAmAk=

            """)

    static let origin: Text = "example.org/tool/orders-db"
    static let signer = signer(origin)
    static let head = TreeHead(size: 20_852_163, root: MerkleTree.leafHash([1, 2, 3]))

    static func signer(_ name: Text, seed: UInt8 = 7) -> NoteSigner {
        guard let key = privateKey(seed: Array(repeating: seed, count: 32)),
            let signer = try? NoteSigner(name: name, key: key)
        else { preconditionFailure("any 32 bytes are an Ed25519 key") }
        return signer
    }

    /// PKCS#8 of an Ed25519 key (RFC 8410 §7).
    static func privateKey(seed: [UInt8]) -> PrivateKey? {
        let prefix: [UInt8] = [
            0x30, 0x2E, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2B, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
        ]
        let body = Base64.encode(prefix + seed)
        return try? PrivateKey(pem: "-----BEGIN PRIVATE KEY-----\n\(body)\n-----END PRIVATE KEY-----\n")
    }

    /// A signature line of somebody else.
    static func line(_ name: Text, _ bytes: [UInt8]) -> Text {
        "— " + name + " " + Text(Base64.encode(bytes)) + "\n"
    }
}
