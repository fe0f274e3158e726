import Crypto
import Identity
import Primitives

/// `spiffeid` and `svid`.
enum IdentityVerbs {
    static func spiffeID(_ input: JSON) -> Text? {
        guard let text = input["id"]?.string else { return nil }
        return (try? SPIFFEID(text)) == nil ? nil : "valid"
    }

    /// `{"chain":["PEM",…],"bundles":{"trust.domain":["PEM",…]},"time":"RFC 3339"}`: the ID of an agent who shows
    /// the chain.
    static func svid(_ input: JSON) -> Text? {
        guard let time = input["time"]?.string.flatMap({ Timestamp(rfc3339: $0) }),
            let bundles = input["bundles"]?.object
        else { return nil }
        guard let chain = certificates(input["chain"]) else {
            return "invalid: the chain is not a list of PEM texts"
        }
        var anchors: [Text: TrustAnchors] = [:]
        for bundle in bundles.members {
            guard let roots = certificates(bundle.value) else {
                return "invalid: the bundle of `" + bundle.name + "` is not a list of PEM texts"
            }
            anchors[bundle.name] = TrustAnchors(roots)
        }
        do throws(SVIDError) {
            let bundles = TrustBundles(anchors, generation: 1)
            return try X509SVID.peer(chain: chain, bundles: bundles, at: time, role: .client).id.text
        } catch {
            return Text("invalid: \(error)")
        }
    }

    private static func certificates(_ list: JSON?) -> [Certificate]? {
        guard let texts = list?.array else { return nil }
        var certificates: [Certificate] = []
        for text in texts {
            guard let pem = text.string?.string, let found = try? Certificate.chain(pem: pem) else {
                return nil
            }
            certificates += found
        }
        return certificates
    }
}
