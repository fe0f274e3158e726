import Primitives

extension Certificate {
    private static let begin: Text = "-----BEGIN CERTIFICATE-----"
    private static let end: Text = "-----END CERTIFICATE-----"
    private static let lineBytes = 64

    /// All `CERTIFICATE` blocks (RFC 7468 §5), in order; at least one.
    ///
    /// Text between blocks is skipped, a block with another label is an error: a key does not belong where
    /// certificates are read.
    public static func chain(pem: String) throws(CertificateError) -> [Certificate] {
        var certificates: [Certificate] = []
        var body: [UInt8]?
        for line in Text(pem).split(on: 0x0A).map(withoutTrailingSpace) {
            if line.hasPrefix("-----") {
                let isBegin = line == begin
                guard isBegin || line == end else { throw .notACertificate(label: line.string) }
                guard isBegin == (body == nil) else { throw .badPEM }
                if let body { certificates.append(try Certificate(base64: body)) }
                body = isBegin ? [] : nil
            } else {
                body? += line.bytes
            }
        }
        guard body == nil else { throw .badPEM }
        guard !certificates.isEmpty else { throw .noCertificate }
        return certificates
    }

    private init(base64: [UInt8]) throws(CertificateError) {
        guard !base64.isEmpty, let der = Base64.decode(base64) else { throw .badPEM }
        try self.init(der: der)
    }

    private static func withoutTrailingSpace(_ line: Text) -> Text {
        line.dropLast(line.bytes.reversed().prefix { $0 == 0x0D || $0 == 0x20 || $0 == 0x09 }.count)
    }

    /// One block with lines of 64 characters, ended by a line feed.
    public var pem: String {
        let text = Array(Base64.encode(der).utf8)
        let lines = stride(from: 0, to: text.count, by: Self.lineBytes).map { start in
            String(decoding: text[start..<min(start + Self.lineBytes, text.count)], as: UTF8.self)
        }
        return ([Self.begin.string] + lines + [Self.end.string, ""]).joined(separator: "\n")
    }
}
