/// The rows of the picture: a module imports from lower rows only, never from its own.
enum Rows {
    static let rows: [[String]] = [
        ["Primitives", "COpenSSL", "CPCRE2", "CNGHTTP2"],
        ["Crypto", "Patterns", "HTTP", "Documents", "Reactor"],
        ["Identity", "Tokens", "Policies", "Approvals", "Ledger"],
        ["Enforcement", "Issuance", "Injection"],
        ["Gateway"],
        ["Setup"],
        ["sallyport"],
    ]

    static func row(of module: String) -> Int? { rows.firstIndex { $0.contains(module) } }

    /// What comes from elsewhere, and the modules that are its doors.
    static let doors: [String: [String]] = [
        "COpenSSL": ["Crypto"], "CPCRE2": ["Patterns"], "CNGHTTP2": ["HTTP"], "Yams": ["Documents"],
        "NIOCore": ["Reactor"], "NIOPosix": ["Reactor"], "Dispatch": ["Reactor"], "Glibc": ["Reactor"],
        "Logging": ["Gateway", "Setup", "sallyport"], "ArgumentParser": ["sallyport"],
    ]

    /// Of the standard library; everybody may.
    static let free = ["Synchronization"]

    /// Doors that nobody may look through: their types occur in no public signature.
    static let hidden = [
        "COpenSSL", "CPCRE2", "CNGHTTP2", "Yams", "NIOCore", "NIOPosix", "Dispatch", "Glibc",
    ]

    /// Rows 2 to 4, and what they are made of: protocol text goes through here.
    static let dataPath = [
        "Crypto", "Patterns", "HTTP", "Identity", "Tokens", "Policies", "Approvals", "Ledger", "Enforcement",
        "Issuance",
        "Gateway",
    ]

    /// Sans-IO: time, randomness and storage are arguments.
    static let engines = dataPath.filter { $0 != "Gateway" } + ["Primitives", "Documents"]
}
