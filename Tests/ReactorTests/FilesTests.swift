import Glibc
import Primitives
import Reactor
import Testing

@Suite struct FilesTests {
    @Test func `what is written is read, at any place`() throws {
        try withDirectory { path in
            let directory = try Directory(path)
            let file = try directory.create("log")
            let bytes = pattern(1_000_000)
            try file.write(bytes, at: 0)
            try file.write([1, 2, 3], at: 500)
            try file.sync()
            try directory.sync()
            #expect(try file.size() == 1_000_000)
            #expect(try file.read(at: 499, count: 5) == [bytes[499], 1, 2, 3, bytes[503]])
            #expect(try file.read(at: 999_998, count: 10) == Array(bytes.suffix(2)))
            #expect(try file.read(at: 5_000_000, count: 10) == [])
            try file.truncate(to: 502)
            #expect(try directory.read("log", bytesMax: 502) == Array(bytes.prefix(500)) + [1, 2])
            #expect(try file.status().mode == 0o600)
        }
    }

    @Test func `a name that is taken is not made again`() throws {
        try withDirectory { path in
            let directory = try Directory(path)
            _ = try directory.create("a")
            let error = #expect(throws: FileError.self) { _ = try directory.create("a") }
            #expect(error?.operation == .create)
            #expect(error?.path == path + "/a")
            #expect(error?.reason == .system(Errno(code: EEXIST)))
            #expect(error.map { "\($0)" } == "cannot create `\(path)/a`: EEXIST")
        }
    }

    @Test(arguments: ["", ".", "..", "a/b", "/etc/passwd", "a\0b"])
    func `a name that leads out of the directory is refused`(name: String) throws {
        try withDirectory { path in
            let directory = try Directory(path)
            for attempt in 0..<6 {
                let error = #expect(throws: FileError.self) {
                    switch attempt {
                    case 0: _ = try directory.create(Text(name))
                    case 1: _ = try directory.open(Text(name))
                    case 2: _ = try directory.read(Text(name), bytesMax: 1)
                    case 3: try directory.remove(Text(name))
                    case 4: try directory.rename("x", to: Text(name))
                    default: _ = try directory.lock(Text(name))
                    }
                }
                #expect(error?.reason == .badName)
            }
        }
    }

    @Test func `links are not followed inside a directory, and are by path`() throws {
        try withDirectory { path in
            let directory = try Directory(path)
            try directory.replace("real", with: [1, 2])
            #expect(link("real", to: path + "/link"))
            let error = #expect(throws: FileError.self) { _ = try directory.open("link") }
            #expect(error?.reason == .system(Errno(code: ELOOP)))
            #expect(try Files.read(path + "/link", bytesMax: 2) == [1, 2])
        }
    }

    @Test func `a file longer than its limit is refused`() throws {
        try withDirectory { path in
            let directory = try Directory(path)
            try directory.replace("f", with: [1, 2, 3])
            #expect(try Files.read(path + "/f", bytesMax: 3) == [1, 2, 3])
            let error = #expect(throws: FileError.self) { _ = try Files.read(path + "/f", bytesMax: 2) }
            #expect(error?.reason == .tooLarge(bytesMax: 2))
            #expect(throws: FileError.self) { _ = try directory.read("f", bytesMax: 2) }
            #expect(throws: FileError.self) { _ = try Files.read("/dev/zero", bytesMax: 10) }
        }
    }

    @Test func `pipes and directories are no files, and nobody waits for them`() throws {
        try withDirectory { path in
            #expect(makePipe(path + "/pipe"))
            let byPath = #expect(throws: FileError.self) { _ = try Files.read(path + "/pipe", bytesMax: 10) }
            #expect(byPath?.reason == .notAFile)
            let byName = #expect(throws: FileError.self) { _ = try Directory(path).openReadOnly("pipe") }
            #expect(byName?.reason == .notAFile)
            #expect(throws: FileError.self) { _ = try Files.read(path, bytesMax: 10) }
        }
    }

    @Test(arguments: [(UInt32(0o600), true), (0o400, true), (0o640, false), (0o604, false), (0o620, false)])
    func `a secret that others can reach is refused`(mode: UInt32, isPrivate: Bool) throws {
        try withDirectory { path in
            try Directory(path).replace("key", with: [1])
            #expect(setMode(path + "/key", mode))
            #expect(try Files.status(path + "/key").isPrivate == isPrivate)
            #expect(try Files.read(path + "/key", bytesMax: 9) == [1])
            if isPrivate {
                #expect(try Files.read(path + "/key", bytesMax: 9, access: .ownerOnly) == [1])
            } else {
                let error = #expect(throws: FileError.self) {
                    _ = try Files.read(path + "/key", bytesMax: 9, access: .ownerOnly)
                }
                #expect(error?.reason == .exposed(mode: mode))
            }
        }
    }

    @Test func `what is not there says so`() {
        let file = #expect(throws: FileError.self) { _ = try Files.read("/nonexistent/x", bytesMax: 1) }
        #expect(file?.reason == .system(Errno(code: ENOENT)))
        #expect(file?.operation == .open)
        let directory = #expect(throws: FileError.self) { _ = try Directory("/nonexistent") }
        #expect(directory?.reason == .system(Errno(code: ENOENT)))
    }

    @Test func `a directory is made once, private, and listed in order`() throws {
        try withDirectory { path in
            let name = path + "/inner"
            let directory = try Directory.make(name)
            #expect(try directory.status().mode == 0o700)
            _ = try directory.create("b")
            _ = try directory.create("a")
            _ = try directory.create(".hidden")
            let again = try Directory.make(name)
            #expect(try again.names() == [".hidden", "a", "b"])
            #expect(try again.names().count == 3)
            for entry in try again.names() { try again.remove(entry) }
            #expect(try again.names() == [])
            #expect(removeDirectory(name))
            try Directory(path).replace("file", with: [])
            #expect(throws: FileError.self) { _ = try Directory.make(path + "/file") }
        }
    }

    @Test func `a file is replaced whole, even after a crash half-way`() throws {
        try withDirectory { path in
            let directory = try Directory(path)
            try directory.replace("state", with: [1])
            _ = try directory.create("state.new")
            try directory.replace("state", with: [2, 2])
            #expect(try directory.read("state", bytesMax: 9) == [2, 2])
            #expect(try directory.names() == ["state"])
            try directory.rename("state", to: "other")
            #expect(try directory.names() == ["other"])
        }
    }

    @Test func `a file is made whole or not at all`() async throws {
        try withDirectory { path in
            let directory = try Directory(path)
            try directory.createWhole("key", with: [1, 2], draft: "draft")
            #expect(try Files.status(path + "/key").mode == 0o600)
            let taken = #expect(throws: FileError.self) {
                try directory.createWhole("key", with: [3], draft: "draft")
            }
            #expect(taken?.reason == .system(Errno(code: EEXIST)))
            #expect(try directory.read("key", bytesMax: 9) == [1, 2])
            #expect(try directory.names() == ["key"])
        }
        await #expect(processExitsWith: .success) {
            Signals.ignoreFileSizeLimit()
            let path = try Files.makeTemporaryDirectory(in: "/tmp", prefix: "files-tests")
            var none = rlimit(rlim_cur: 0, rlim_max: .max)
            precondition(unsafe setrlimit(Int32(RLIMIT_FSIZE.rawValue), &none) == 0)
            let directory = try Directory(path)
            do throws(FileError) {
                try directory.createWhole("key", with: [1], draft: "draft")
                preconditionFailure("there is no room")
            } catch {
                precondition(error.reason == .system(Errno(code: EFBIG)))
            }
            let names = try directory.names()
            precondition(names.isEmpty)
            Files.removeTree(path)
        }
    }

    @Test func `a file system tells how much is free`() throws {
        try withDirectory { path in
            var status = statvfs()
            try #require(unsafe statvfs(path.string, &status) == 0)
            let bytes = Int(status.f_blocks) * Int(status.f_frsize)
            let free = try Directory(path).freeBytes()
            #expect((1...bytes).contains(free))
        }
        let none = try Directory("/proc").freeBytes()
        #expect(none == 0)
    }

    @Test func `files can be made in a directory that may be written, and nowhere else`() throws {
        try withDirectory { path in
            try Files.write([], to: path + "/file", mode: 0o600)
            #expect(Files.canMakeFiles(in: path))
            for other in ["/file", "/nothing", "/file/x"] as [Text] {
                #expect(!Files.canMakeFiles(in: path + other))
            }
            #expect(!Files.canMakeFiles(in: ""))
            try #require(unsafe chmod(path.string, 0o500) == 0)
            #expect(Files.canMakeFiles(in: path) == (geteuid() == 0))
            try #require(unsafe chmod(path.string, 0o700) == 0)
        }
    }

    // MARK: Where a path leads

    @Test func `a path is followed as far as there is one`() throws {
        try withDirectory { written in
            let path = try Files.resolved(written)
            _ = try Directory.make(path + "/real")
            #expect(link("real", to: path + "/link"))
            for (name, real) in [
                ("/link", "/real"), ("/link/../real/.", "/real"), ("/real/x/y", "/real/x/y"),
                ("/link/x/./y//z", "/real/x/y/z"), ("/nothing", "/nothing"),
            ] as [(Text, Text)] {
                #expect(try Files.resolved(path + name) == path + real, "\(name)")
            }
            #expect(try Files.resolved("/nothing-here") == "/nothing-here")
            #expect(throws: FileError.self) { try Files.resolved(path + "/nothing/../real") }
            #expect(throws: FileError.self) { try Files.resolved("") }
        }
    }

    @Test func `what lies in a directory does so by any name`() throws {
        try withDirectory { path in
            _ = try Directory.make(path + "/a")
            _ = try Directory.make(path + "/ab")
            #expect(link("a", to: path + "/link"))
            for (name, isInside) in [
                ("/a", true), ("/a/x", true), ("/link/x/y", true), ("/ab/../a/x", true), ("/ab", false),
                ("/ab/x", false), ("/a/../ab", false), ("", false),
            ] as [(Text, Bool)] {
                #expect(try Files.isInside(path + "/a", path + name) == isInside, "\(name)")
                #expect(try Files.isInside(path + "/link", path + name) == isInside, "\(name)")
            }
            #expect(try Files.isInside(path + "/not-yet", path + "/not-yet/x"))
            #expect(try Files.isInside("/", path))
        }
    }

    @Test func `a lock is held by one, until it is let go`() throws {
        try withDirectory { path in
            let directory = try Directory(path)
            do {
                let lock = try directory.lock("lock")
                let error = #expect(throws: FileError.self) { _ = try directory.lock("lock") }
                #expect(error?.reason == .locked)
                _ = consume lock
            }
            _ = try directory.lock("lock")
        }
    }

    @Test func `a full disk is an error with its name`() throws {
        let error = #expect(throws: FileError.self) { try Directory("/dev").replace("full/x", with: [1]) }
        #expect(error?.reason == .badName)
        try withDirectory { path in
            let file = try Directory(path).create("f")
            let tooFar = #expect(throws: FileError.self) { try file.write([1], at: Int(Int64.max) - 1) }
            #expect(tooFar?.operation == .write)
        }
    }
}

private func link(_ target: Text, to path: Text) -> Bool { unsafe symlink(target.string, path.string) == 0 }
private func makePipe(_ path: Text) -> Bool { unsafe mkfifo(path.string, 0o600) == 0 }
private func setMode(_ path: Text, _ mode: UInt32) -> Bool { unsafe chmod(path.string, mode) == 0 }
private func removeDirectory(_ path: Text) -> Bool { unsafe rmdir(path.string) == 0 }
