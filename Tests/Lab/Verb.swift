import Primitives

/// What the lab can be asked; the raw value is its name on the command line.
enum Verb: String, CaseIterable {
    case jws, signature, json, jcs, spiffeid, svid, merkle, target, http1

    private static let envelopeDepthMax = 32

    /// The answer to one line: what the verb says about it, or its refusal when the line is not what it reads.
    func answer(to line: [UInt8]) -> Text {
        guard let input = try? JSONParser.parse(line, limits: .init(depthMax: Self.envelopeDepthMax)) else {
            return refusal
        }
        return oneLine(judge(input) ?? refusal)
    }

    private var refusal: Text {
        switch self {
        case .jws, .signature, .spiffeid: "invalid"
        case .json, .jcs, .target, .http1: "reject"
        case .merkle: "fail"
        case .svid: "invalid: not a line that this verb reads"
        }
    }

    /// Nil when the input lacks what the verb needs.
    private func judge(_ input: JSON) -> Text? {
        switch self {
        case .jws: SignatureVerbs.jws(input)
        case .signature: SignatureVerbs.signature(input)
        case .json: DocumentVerbs.json(input)
        case .jcs: DocumentVerbs.jcs(input)
        case .spiffeid: IdentityVerbs.spiffeID(input)
        case .svid: IdentityVerbs.svid(input)
        case .merkle: TreeVerbs.merkle(input)
        case .target: RequestVerbs.target(input)
        case .http1: RequestVerbs.http1(input)
        }
    }

    private func oneLine(_ text: Text) -> Text {
        Text(text.bytes.map { $0 < 0x20 || $0 == 0x7F ? 0x3F : $0 })
    }
}

extension JSON {
    /// The bytes of a member in base64.
    func bytes(_ name: Text) -> [UInt8]? { self[name]?.string.flatMap { Base64.decode($0.bytes) } }
}
