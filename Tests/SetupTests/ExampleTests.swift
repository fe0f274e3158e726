import Foundation
import Primitives
import Testing

/// The configurations that are shipped work, given the files they name.
@Suite struct ExampleTests {
    private static let deploy = URL(fileURLWithPath: #filePath).resolvingSymlinksInPath()
        .deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("deploy")

    private static func shipped(_ name: String) throws -> Text {
        let bytes = try #require(
            FileManager.default.contents(atPath: deploy.appendingPathComponent(name).path))
        return Text(bytes)
    }

    @Test(arguments: ["sallyport.yaml", "sallyport.full.yaml"]) func `an example can be read`(_ name: String)
        throws
    {
        let workspace = try Workspace(
            persons: Self.shipped("persons.yaml"), rules: Self.shipped("policies/orders.yaml"))
        let found = try workspace.complaint(about: Self.shipped(name))
        #expect(found == nil)
    }

    @Test func `the full example shows every default that it claims`() throws {
        let workspace = try Workspace(
            persons: Self.shipped("persons.yaml"), rules: Self.shipped("policies/orders.yaml"))
        let full = Set(try workspace.load(Self.shipped("sallyport.full.yaml")).notes)
        let least = try workspace.load(Self.shipped("sallyport.yaml")).notes
        // What the short one leaves out is in the long one with the same value, but for what the long one adds.
        let differing = [
            "tools[0].upstream.host", "tools[0].tokens.audience", "approvals.hosts",
            "approvals.oidc[0].groupsClaim",
        ]
        for note in least where !differing.contains(where: { note.hasPrefix($0 + ":") }) {
            #expect(full.contains(note), "\(note)")
        }
    }
}
