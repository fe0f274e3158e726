internal import COpenSSL

/// Unpredictable bytes from OpenSSL's generator, which the kernel seeds.
public enum RandomBytes {
    public static func bytes(_ count: Int) -> [UInt8] {
        var output = [UInt8](repeating: 0, count: count)
        let done = unsafe output.withUnsafeMutableBufferPointer { buffer in
            unsafe buffer.isEmpty ? 1 : RAND_bytes(buffer.baseAddress, Int32(buffer.count))
        }
        precondition(
            done == 1, "the kernel gives random bytes; without them no identifier or key can be made")
        return output
    }
}
