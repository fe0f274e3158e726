import Glibc
import Testing

@testable import Reactor

/// A secret is its owner's alone; the superuser's, mounted for a group that the process is in, will do for some.
@Suite struct SecretFileTests {
    private static let cases: [(mode: UInt32, owner: UInt32, user: UInt32, isPrivate: Bool)] = [
        (0o600, 7, 7, true), (0o400, 7, 7, true), (0o440, 7, 7, false), (0o640, 7, 7, false),
        (0o604, 7, 7, false),
        (0o440, 0, 7, true), (0o640, 0, 7, true), (0o660, 0, 7, false), (0o450, 0, 7, false),
        (0o444, 0, 7, false), (0o400, 0, 7, true),
        (0o440, 0, 0, false), (0o600, 0, 0, true), (0o440, 8, 7, false), (0o600, 8, 7, false),
        (0o600, 8, 0, false),
    ]

    @Test(arguments: cases) func `who may read a mounted secret`(
        _ one: (mode: UInt32, owner: UInt32, user: UInt32, isPrivate: Bool)
    ) {
        let status = FileStatus(mode: one.mode, owner: one.owner)
        #expect(status.isPrivate(to: one.user) == one.isPrivate)
    }
}

extension FileStatus {
    fileprivate init(mode: UInt32, owner: UInt32) {
        var status = stat()
        (status.st_mode, status.st_uid) = (S_IFREG | mode, owner)
        self.init(status)
    }
}
