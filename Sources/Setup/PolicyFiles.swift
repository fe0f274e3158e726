internal import Primitives
internal import Reactor

/// The rule files of a directory (`*.yaml`, not `*.cases.yaml`, in byte order), or one file.
///
/// Other names are left alone (`README.md`, the `..data` of a ConfigMap), but not those that are meant as rules: a
/// `Deny` that nobody reads allows.
enum PolicyFiles {
    static let bytesMax = 1 << 20

    enum Failure: Error {
        case file(FileError)
        /// `*.yml`, or another letter case of `*.yaml`.
        case suffix(Text)
    }

    static func read(_ path: Text) throws(Failure) -> [(name: String, bytes: [UInt8])] {
        var files: [(name: String, bytes: [UInt8])] = []
        for file in try paths(path) {
            do throws(FileError) {
                files.append((file.string, try Files.read(file, bytesMax: bytesMax)))
            } catch {
                throw .file(error)
            }
        }
        return files
    }

    private static func paths(_ path: Text) throws(Failure) -> [Text] {
        let names: [Text]
        do throws(FileError) {
            guard try Files.status(path).kind == .directory else { return [path] }
            names = try Directory(path).names()
        } catch {
            throw .file(error)
        }
        var paths: [Text] = []
        for name in names where !name.hasSuffix(".cases.yaml") {
            if name.hasSuffix(".yaml") {
                paths.append(path + "/" + name)
            } else if name.lowercased.hasSuffix(".yaml") || name.lowercased.hasSuffix(".yml") {
                throw .suffix(path + "/" + name)
            }
        }
        return paths
    }
}

extension PolicyFiles.Failure: CustomStringConvertible {
    var description: String {
        switch self {
        case .file(let error): "\(error)"
        case .suffix(let path): "`\(path)` would not be read; rename to .yaml"
        }
    }
}
