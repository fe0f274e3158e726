import Foundation
import Testing

@Suite struct ImportTests {
    private struct Import {
        let file: SourceFile
        let number: Int
        let line: String
        let module: String

        var place: String { "\(file.path):\(number): \(line)" }
    }

    private static let imports: [Import] = SourceTree.files.flatMap { file in
        file.lines(#"^\s*(@\w+\s+)*((public|internal|private|fileprivate|package)\s+)?import\b"#).map {
            number, line in
            let words = line.components(separatedBy: " ")
            return Import(file: file, number: number, line: line, module: words.last ?? "")
        }
    }

    private static func mistakes(_ isMistake: (Import) -> Bool) -> String {
        imports.filter(isMistake).map(\.place).joined(separator: "\n")
    }

    @Test func `every folder of Sources has its row`() {
        for file in SourceTree.files { #expect(Rows.row(of: file.module) != nil, "\(file.path)") }
        #expect(Self.imports.count > 300)
    }

    @Test func `a module imports from lower rows only`() {
        let mistakes = Self.mistakes { found in
            guard let from = Rows.row(of: found.file.module), let to = Rows.row(of: found.module) else {
                return false
            }
            return to >= from
        }
        #expect(mistakes.isEmpty, "\(mistakes)")
    }

    @Test func `what comes from elsewhere comes through its door; Foundation has none`() {
        let mistakes = Self.mistakes { found in
            if let doors = Rows.doors[found.module] { return !doors.contains(found.file.module) }
            return Rows.row(of: found.module) == nil && !Rows.free.contains(found.module)
        }
        #expect(mistakes.isEmpty, "\(mistakes)")
    }

    @Test func `nothing shows through a door`() {
        let mistakes = Self.mistakes { found in
            Rows.hidden.contains(found.module) && found.line != "internal import \(found.module)"
        }
        #expect(mistakes.isEmpty, "\(mistakes)")
    }

    @Test func `nothing is exported again, imported in part or for tests`() {
        let mistakes = Self.mistakes { found in
            found.line.contains("@")
                || !["import", "public", "internal"].contains(found.line.components(separatedBy: " ")[0])
                || found.module.contains(".")
                || found.line.components(separatedBy: " import ").count
                    + (found.line.hasPrefix("import ") ? 1 : 0) != 2
        }
        #expect(mistakes.isEmpty, "\(mistakes)")
    }

    /// A type that hides its module makes every qualified name of the module mean the type.
    @Test func `no module is named like a type in it`() {
        // `Approvals.Approvals`: the engine is what its users know by that name, and no file has to qualify a name of
        // this module.
        let known = ["Approvals"]
        for file in SourceTree.files where !known.contains(file.module) {
            let found = file.findings(#"\b(struct|class|enum|actor|protocol|typealias)\s+\#(file.module)\b"#)
            #expect(found.isEmpty, "\(found.joined(separator: "\n"))")
        }
        for file in SourceTree.files {
            let found = file.findings(
                #"\bApprovals\.(Approval|Persons|Person|Reviewer|Review|HeldRequest|Placement)\b"#)
            #expect(found.isEmpty, "\(found.joined(separator: "\n"))")
        }
    }
}
