internal import Primitives
internal import Reactor

/// The rule files of a directory (`*.yaml`, not `*.cases.yaml`, in byte order), or one file.
enum PolicyFiles {
    static let bytesMax = 1 << 20

    static func read(_ path: Text) throws(FileError) -> [(name: String, bytes: [UInt8])] {
        guard try Files.status(path).kind == .directory else {
            return [(path.string, try Files.read(path, bytesMax: bytesMax))]
        }
        var files: [(name: String, bytes: [UInt8])] = []
        for name in try Directory(path).names()
        where name.hasSuffix(".yaml") && !name.hasSuffix(".cases.yaml") {
            let file = path + "/" + name
            files.append((file.string, try Files.read(file, bytesMax: bytesMax)))
        }
        return files
    }
}
