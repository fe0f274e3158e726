/// Something that must not be written: where, and an example of the slip it catches.
struct Rule: Sendable, CustomStringConvertible {
    let claim: String
    let pattern: String
    /// Lines that the pattern finds.
    let slips: [String]
    /// Lines that look alike and are right.
    let fine: [String]
    var inStrings = true
    /// Nil: everywhere.
    var modules: [String]?
    /// Paths, or the folder of a module, where it may be written after all.
    var except: [String] = []

    var description: String { claim }

    func findings(in files: [SourceFile]) -> [String] {
        files.filter { file in
            modules?.contains(file.module) != false
                && !except.contains { file.path.hasPrefix("Sources/" + $0) }
        }.flatMap { $0.findings(pattern, inStrings: inStrings) }
    }
}

extension Rule {
    static let all = clocks + unsafety + failures + strings

    // MARK: Time comes as an argument

    private static let clocks = [
        Rule(
            claim: "only Reactor looks at a clock",
            pattern:
                #"\b(ContinuousClock|SuspendingClock|clock_gettime|gettimeofday|NIODeadline|DispatchTime)\b|"#
                + #"\bDate\(|\btime\(nil\)|Task\.sleep|\busleep\("#,
            slips: [
                "let now = ContinuousClock().now", "let x = Date()", "clock_gettime(CLOCK_REALTIME, &t)",
                "time(nil)",
            ],
            fine: ["func time(_ name: Text)", "CivilDate(year: 1)", "parameters.set_time(x)"],
            inStrings: false, except: ["Reactor/"]),
        Rule(
            claim: "engines do not know that there is a clock",
            pattern: #"\bSystemClock\b"#, slips: ["let clock = SystemClock()"], fine: ["VirtualClock()"],
            inStrings: false, modules: Rows.engines),
        Rule(
            claim: "engines take randomness as an argument, or from OpenSSL",
            pattern:
                #"\bSystemRandomNumberGenerator\b|\.random\(in:(?!.*using:)|\.shuffled\(\)|\.randomElement\(\)"#,
            slips: ["UInt64.random(in: 0...9)", "var r = SystemRandomNumberGenerator()", "list.shuffled()"],
            fine: ["UInt64.random(in: 0...9, using: &random)", "RandomBytes.bytes(16)"],
            inStrings: false, modules: Rows.engines),
        Rule(
            claim: "nothing on the data path is asynchronous",
            pattern: #"\basync\b|\bawait\b|\bactor [A-Z]|\bTask \{|\bTask\.detached"#,
            slips: ["func f() async {", "await g()", "actor Claims {", "Task { }"],
            fine: ["if let actor = claims.actors.first"],
            inStrings: false),
    ]

    // MARK: Danger stands behind doors

    private static let doors = ["Crypto/", "Patterns/Pattern.swift", "HTTP/NGHTTP2Library.swift", "Reactor/"]

    private static let unsafety = [
        Rule(
            claim: "`unsafe` stands behind the doors to C and to the kernel only",
            pattern: #"\bunsafe\b|\bUnsafe(Mutable)?(Raw)?(Buffer)?Pointer\b|\bOpaquePointer\b|withUnsafe"#,
            slips: ["unsafe pointer.pointee", "let p: UnsafeRawPointer", "bytes.withUnsafeBytes { }"],
            fine: ["case unsafeWithoutToken", #"let key = "unsafe word""#], inStrings: false, except: doors),
        Rule(
            claim: "nobody promises `Sendable` unchecked but the doors",
            pattern: #"@unchecked|nonisolated\(unsafe\)|@preconcurrency|@retroactive"#,
            slips: ["final class A: @unchecked Sendable {", "nonisolated(unsafe) var x = 1"],
            fine: ["struct A: Sendable {"],
            inStrings: false, except: doors),
    ]

    // MARK: A fault of ours stops with a sentence

    private static let failures = [
        Rule(
            claim: "errors are typed and never waved through: no `try!`, `as!`, `fatalError`, bare `assert`",
            pattern: #"\btry!|\bas!|\bfatalError\(|\bassert\(|\bassertionFailure\("#,
            slips: ["try! f()", "x as! Y", "fatalError()", "assert(x)"], fine: ["guard let x = try? f()"],
            inStrings: false),
        Rule(
            claim: "a broken promise says which one",
            pattern: #"\bpreconditionFailure\(\)|\bprecondition\([^",]*\)$"#,
            slips: ["preconditionFailure()", "precondition(x)"], fine: [#"precondition(x, "x holds")"#]),
        Rule(
            claim: "only the command line prints", pattern: #"\bprint\(|\bdebugPrint\(|\bdump\("#,
            slips: [#"print("x")"#], fine: ["fingerprint(x)"], inStrings: false, except: ["sallyport/"]),
    ]

    // MARK: Protocol text is `Text`

    private static let strings = [
        Rule(
            claim: "no case mapping by `String`, which knows more letters than ASCII",
            pattern: #"\.(lowercased|uppercased|capitalized)\(\)|caseInsensitiveCompare|localized"#,
            slips: ["name.lowercased() == key", "a.caseInsensitiveCompare(b)"],
            fine: ["name.lowercased == key"],
            modules: Rows.dataPath),
        Rule(
            claim: "no search in a text that was made for people",
            pattern:
                #"\.(string|description)\.(hasPrefix|hasSuffix|contains|split|firstIndex|lastIndex|first\b|range|starts|"#
                + #"prefix|suffix|dropFirst|dropLast|count\b|lowercased|replacing|components|trimming|isEmpty)"#,
            slips: [
                #"if path.string.hasPrefix("/a") {"#, #"target.string.contains("..")"#,
                #"x.string.split(separator: "/")"#,
                #"id.description.hasPrefix("spiffe")"#,
            ],
            fine: [
                #"path.hasPrefix("/a")"#, #"json["a"]?.string?.hasPrefix("b")"#,
                "text.string.unicodeScalars.prefix(9)",
            ],
            modules: Rows.dataPath),
        Rule(
            claim: "no equality of a text that was made for people",
            pattern:
                #"[\w)]\.(string|description)\s*[!=]=(?!\s*nil)|[!=]=\s*[\w.)]*[\w)]\.(string|description)\b(?![.?])|"#
                + #"\bswitch [\w.()]+\.(string|description)\s*\{|case [\w.()]+\.string:"#,
            slips: [
                #"guard method.string == "GET" else"#, "if a == b.string {", #"switch method.string {"#,
                #"error.description != "x""#,
            ],
            fine: [#"entry["type"]?.string == "tool_action""#, "id.string != nil", "switch method {"],
            modules: Rows.dataPath),
        Rule(
            claim: "no comparison with a text that was put together, and none of bytes read as `String`",
            pattern:
                #"[!=]=\s*"[^"]*\\\(|\\\([^"]*"\s*[!=]=|String\((decoding|validating|cString)[^=]*\)\s*[!=]=(?!\s*nil)|"#
                + #"String\((decoding|validating|cString)[^=]*\)\.(has|contains|split|first|starts|lowercased)"#,
            slips: [
                #"if value == "Bearer \(token)" {"#, #"if "\(a)" == b {"#,
                #"String(decoding: bytes, as: UTF8.self) == "x""#,
                "String(decoding: bytes, as: UTF8.self).hasPrefix(x)",
            ],
            fine: [#"throw .bad("\(a) is not b")"#, "String(validating: bytes, as: UTF8.self) != nil"],
            modules: Rows.dataPath),
        Rule(
            claim: "no enum is found by a text that came from outside: raw values compare as `String`",
            pattern:
                #"\((rawValue|stringLiteral):\s*[\w.?()\[\]"]*\.(string|description)\b|\(rawValue:\s*String\("#,
            slips: ["Decision(rawValue: text.string)", "Kind(rawValue: String(decoding: b, as: UTF8.self))"],
            fine: ["KeyUsage(rawValue: 0x80)", "ReviewDecision(text)"], modules: Rows.dataPath),
        Rule(
            claim: "no table is keyed by `String` but those whose keys are written in the source",
            pattern: #"\[String\s*:|Set<String>|Dictionary<String,"#,
            slips: ["var claims: [String: Claim] = [:]", "let seen: Set<String> = []"],
            fine: ["var claims: [Text: Claim]"],
            modules: Rows.dataPath,
            // Names of choices, which `Node.choice` compares as `Text`; the fields of a log line.
            except: [
                "Policies/ConditionReader.swift", "Policies/RuleReader.swift",
                "Policies/TokenExemption.swift",
                "Gateway/Log.swift",
            ]),
        Rule(
            claim: "no `Substring`, and no `Character`, for which CR LF is one",
            pattern: #"\bSubstring\b|\bCharacter\b"#, slips: ["let rest: Substring", "Character(\"a\")"],
            fine: ["badPathCharacter", "isHostCharacter(x)"], inStrings: false, modules: Rows.dataPath),
    ]
}
