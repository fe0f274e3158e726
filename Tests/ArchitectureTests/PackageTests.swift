import Foundation
import Testing

/// `Package.swift`, read as text.
@Suite struct PackageTests {
    private struct Declaration: Sendable {
        let line: Int
        /// From the opening parenthesis to its closing one.
        let text: String

        /// Every quoted name that is not a product's or a package's own: the target first, then its dependencies.
        var names: [String] {
            let products = text.replacingOccurrences(
                of: #"package: "[^"]*""#, with: "", options: .regularExpression)
            return products.components(separatedBy: "\"").enumerated().filter { !$0.offset.isMultiple(of: 2) }
                .map(\.element)
        }
    }

    private static let manifest = SourceFile(module: "", path: "Package.swift", content: SourceTree.package)
        .text

    /// Every call of these functions.
    private static func declarations(_ openings: [String]) -> [Declaration] {
        openings.flatMap { opening in
            var found: [Declaration] = []
            var rest = manifest.startIndex..<manifest.endIndex
            while let range = manifest.range(of: opening, range: rest) {
                let line = manifest[..<range.lowerBound].filter { $0 == "\n" }.count + 1
                found.append(
                    Declaration(line: line, text: call(from: manifest.index(before: range.upperBound))))
                rest = range.upperBound..<manifest.endIndex
            }
            return found
        }
    }

    private static func call(from opening: String.Index) -> String {
        var depth = 0
        for index in manifest[opening...].indices {
            switch manifest[index] {
            case "(": depth += 1
            case ")": depth -= 1
            default: break
            }
            if depth == 0 { return String(manifest[opening...index]) }
        }
        return ""
    }

    @Test func `every target has the shared settings`() {
        let targets = Self.declarations([".target(", ".executableTarget(", ".testTarget("])
        // Two functions make the others.
        #expect(targets.count >= 5)
        for target in targets {
            #expect(
                target.text.contains("swiftSettings: settings"),
                "Package.swift:\(target.line): \(target.text)")
        }
        #expect(Self.declarations([" module(", " tests("]).count >= 25)
    }

    @Test(arguments: [
        ".swiftLanguageMode(.v6)", ".strictMemorySafety()", ".treatAllWarnings(as: .error)",
        "\"ExistentialAny\"",
        "\"InternalImportsByDefault\"", "\"MemberImportVisibility\"", "\"NonisolatedNonsendingByDefault\"",
    ])
    func `the shared settings are strict`(_ setting: String) throws {
        let list = try #require(Self.manifest.range(of: "let settings: [SwiftSetting] = ["))
        let end = try #require(
            Self.manifest.range(of: "\n]", range: list.upperBound..<Self.manifest.endIndex))
        #expect(Self.manifest[list.upperBound..<end.lowerBound].contains(setting))
    }

    @Test func `no setting is weakened and no flag added`() {
        let flags = Self.manifest.components(separatedBy: ".unsafeFlags(").dropFirst()
        #expect(flags.count == 1)
        #expect(
            flags.first?.hasPrefix("[\"-cross-module-optimization\"], .when(configuration: .release))")
                == true)
        for word in ["treatWarning(", "disableWarning", ".define(", "-suppress-warnings", "-Ounchecked"] {
            #expect(!Self.manifest.contains(word), "\(word)")
        }
    }

    @Test func `a module depends on lower rows only, and on what it is the door to`() {
        let modules = Self.declarations([" module("]).filter {
            $0.text.hasPrefix("(\"") || $0.text.contains("\n")
        }
        var seen: [String] = []
        for module in modules {
            guard let name = module.names.first, let row = Rows.row(of: name) else { continue }
            seen.append(name)
            for dependency in module.names.dropFirst() {
                let place: Comment = "Package.swift:\(module.line): `\(name)` depends on `\(dependency)`"
                if let doors = Rows.doors[dependency] {
                    #expect(doors.contains(name), place)
                } else {
                    #expect(Rows.row(of: dependency).map { $0 < row } == true, place)
                }
            }
        }
        #expect(seen.count >= 14, "\(seen)")
    }

    @Test func `what tests are made of is not shipped`() {
        let shipped =
            Self.declarations([" module("])
            + Self.declarations([".executableTarget("])
            .filter { !$0.text.contains("path: \"Tests/") }
        for target in shipped {
            #expect(!target.text.contains("TestKit"), "Package.swift:\(target.line)")
        }
        #expect(
            Self.manifest.contains(#"products: [.executable(name: "sallyport", targets: ["sallyport"])]"#))
    }
}
