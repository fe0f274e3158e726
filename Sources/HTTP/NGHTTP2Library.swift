internal import CNGHTTP2

/// The door to nghttp2.
///
/// HTTP/2 itself comes with a later change: until then only the version is asked for, so that a missing
/// library shows at once.
public enum NGHTTP2Library {
    /// For people, such as `1.52.0`.
    public static var version: String {
        guard let info = unsafe nghttp2_version(0) else { return "unknown" }
        return unsafe String(cString: info.pointee.version_str)
    }
}
