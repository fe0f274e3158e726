// swift-tools-version: 6.2
import PackageDescription

// One shared list of settings for every target.
let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .strictMemorySafety(),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    // Lets calls be inlined across modules (`public` + this; `package` would not).
    .unsafeFlags(["-cross-module-optimization"], .when(configuration: .release)),
]

func module(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: settings)
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .testTarget(name: name, dependencies: dependencies, swiftSettings: settings)
}

let package = Package(
    name: "sallyport",
    products: [.executable(name: "sallyport", targets: ["sallyport"])],
    dependencies: [
        // Event loops and sockets, behind `Reactor` alone.
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
        // YAML with positions, behind `Documents` alone.
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.0"),
        // The command line, in `sallyport` alone.
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        // The logging API that operators' handlers plug into; `Gateway` writes JSON lines.
        .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
    ],
    targets: [
        // Row 0: values; module maps of the C libraries.
        module("Primitives", []),
        .systemLibrary(name: "COpenSSL", pkgConfig: "openssl", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(name: "CPCRE2", pkgConfig: "libpcre2-8", providers: [.apt(["libpcre2-dev"])]),
        .systemLibrary(name: "CNGHTTP2", pkgConfig: "libnghttp2", providers: [.apt(["libnghttp2-dev"])]),

        // Row 1: the mechanisms, each the only door to a library or to the kernel.
        module("Crypto", ["Primitives", "COpenSSL"]),
        module("Patterns", ["Primitives", "CPCRE2"]),
        module("HTTP", ["Primitives", "CNGHTTP2"]),
        module("Documents", ["Primitives", .product(name: "Yams", package: "Yams")]),
        module(
            "Reactor",
            [
                "Primitives", .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ]),

        // Row 2: the nouns.
        module("Identity", ["Primitives", "Crypto"]),
        module("Tokens", ["Primitives", "Crypto"]),
        module("Policies", ["Primitives", "Patterns", "Documents"]),
        module("Approvals", ["Primitives", "Crypto", "Documents"]),
        module("Ledger", ["Primitives", "Crypto"]),

        // Row 3: the sentences.
        module(
            "Enforcement",
            ["Primitives", "Crypto", "HTTP", "Identity", "Tokens", "Policies", "Approvals", "Ledger"]),
        module("Issuance", ["Primitives", "Crypto"]),

        // Row 4: the only row that acts.
        module(
            "Gateway",
            [
                "Primitives", "Crypto", "Patterns", "HTTP", "Reactor", "Identity", "Tokens", "Policies",
                "Approvals",
                "Ledger", "Enforcement", .product(name: "Logging", package: "swift-log"),
            ]),

        // Row 5: files to checked settings; the demo.
        module(
            "Setup",
            [
                "Primitives", "Crypto", "HTTP", "Documents", "Reactor", "Identity", "Tokens", "Policies",
                "Approvals",
                "Ledger", "Enforcement", "Issuance", "Gateway",
                .product(name: "Logging", package: "swift-log"),
            ]),

        // Row 6: the command line.
        .executableTarget(
            name: "sallyport",
            dependencies: [
                "Primitives", "Crypto", "Reactor", "Ledger", "Gateway", "Setup",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: settings),

        // What tests are made of; never shipped.
        .target(
            name: "TestKit",
            dependencies: [
                "Primitives", "Crypto", "HTTP", "Reactor", "Identity", "Tokens", "Ledger", "Issuance",
            ],
            path: "Tests/TestKit", swiftSettings: settings),
        .executableTarget(
            name: "sallyport-lab",
            dependencies: ["Primitives", "Crypto", "HTTP", "Identity", "Ledger", "Reactor"],
            path: "Tests/Lab", swiftSettings: settings),

        // The whole on a virtual clock, and its command.
        .target(
            name: "Simulation",
            dependencies: [
                "Primitives", "Crypto", "Documents", "HTTP", "Identity", "Tokens", "Policies", "Approvals",
                "Ledger", "Enforcement", "Issuance", "Gateway", "TestKit",
            ],
            path: "Tests/Simulation", swiftSettings: settings),
        .executableTarget(
            name: "sallyport-simulate", dependencies: ["Reactor", "Simulation"], path: "Tests/Simulate",
            swiftSettings: settings),

        // The ledger and the replay cache, measured; `bench/run-ledger` calls it.
        .executableTarget(
            name: "sallyport-bench",
            dependencies: [
                "Primitives", "Reactor", "Tokens", "Ledger", "Gateway",
                .product(name: "Logging", package: "swift-log"),
            ],
            path: "bench/ledger", swiftSettings: settings),

        tests("ArchitectureTests", []),
        tests("PrimitivesTests", ["Primitives", "TestKit"]),
        tests("CryptoTests", ["Primitives", "Crypto"]),
        tests("PatternsTests", ["Primitives", "Patterns"]),
        tests("HTTPTests", ["Primitives", "HTTP"]),
        tests("DocumentsTests", ["Primitives", "Documents"]),
        tests("ReactorTests", ["Primitives", "Reactor"]),
        tests("IdentityTests", ["Primitives", "Crypto", "Identity"]),
        tests("TokensTests", ["Primitives", "Crypto", "Tokens"]),
        tests("PoliciesTests", ["Primitives", "Documents", "Policies"]),
        tests("ApprovalsTests", ["Primitives", "Crypto", "Documents", "Approvals"]),
        tests("LedgerTests", ["Primitives", "Crypto", "Ledger", "TestKit"]),
        tests(
            "EnforcementTests",
            [
                "Primitives", "Crypto", "HTTP", "Identity", "Tokens", "Policies", "Approvals", "Ledger",
                "Enforcement",
                "Issuance", "TestKit",
            ]),
        tests(
            "GatewayTests",
            [
                "Primitives", "Crypto", "Documents", "HTTP", "Reactor", "Identity", "Tokens", "Policies",
                "Approvals", "Ledger", "Enforcement", "Gateway", "Issuance", "TestKit",
                .product(name: "Logging", package: "swift-log"),
            ]),
        tests("SimulationTests", ["Simulation"]),
        tests(
            "SetupTests",
            [
                "Primitives", "Crypto", "Documents", "Reactor", "Identity", "Tokens", "Approvals", "Ledger",
                "Issuance", "Gateway", "Setup", "TestKit",
            ]),
    ]
)
