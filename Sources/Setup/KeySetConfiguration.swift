internal import Crypto
internal import Documents
internal import Primitives

/// `jwks: { file: … }` and `algorithms: […]`, which token issuers and logins share.
enum KeySetConfiguration {
    static func read(_ issuer: Scope) throws(DocumentError) -> JSONWebKeySet {
        let jwks = try issuer.scope("jwks", keys: ["file"])
        let bytes = try jwks.file("file")
        return try jwks.checked("file") { () throws(KeyError) in try JSONWebKeySet(parsing: bytes) }
    }

    static func algorithms(_ issuer: Scope, default fallback: [Text]) throws(DocumentError) -> Set<
        SignatureAlgorithm
    > {
        var algorithms: Set<SignatureAlgorithm> = []
        for name in try issuer.texts("algorithms", default: fallback) {
            guard let algorithm = SignatureAlgorithm(joseName: name) else {
                let known = SignatureAlgorithm.allCases.map(\.rawValue).joined(separator: ", ")
                throw issuer.error("unknown algorithm `\(name)`; there are \(known)", at: "algorithms")
            }
            algorithms.insert(algorithm)
        }
        guard !algorithms.isEmpty else { throw issuer.error("name at least one algorithm", at: "algorithms") }
        return algorithms
    }
}
