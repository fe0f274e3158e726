import Primitives

/// A request that is not answered in full.
struct Exchange {
    let method: Text
    let version: HTTPVersion
    var owesContinue: Bool
    /// The connection is of no use after this.
    var closes: Bool
    /// Nil until the response's head is out.
    var writer: BodyWriter?

    init(_ request: HTTPRequest) {
        method = request.method
        version = request.version
        owesContinue = request.expectsContinue
        closes = !request.keepAlive
    }

    /// For the answer to what could not be read, or to nothing at all (408).
    init(closingAfter method: Text?, _ version: HTTPVersion?) {
        self.method = method ?? ""
        self.version = version ?? .http11
        owesContinue = false
        closes = true
    }

    /// What `Connection` says in the response (RFC 9112 §9.3).
    var connectionOption: Text? {
        if closes { return "close" }
        return version == .http10 ? "keep-alive" : nil
    }
}
