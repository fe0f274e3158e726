internal import COpenSSL

/// Owns one `EVP_PKEY`.
///
/// OpenSSL counts references atomically and never changes a key once it is made, so it may be shared between
/// threads.
@safe final class EVPKey: @unchecked Sendable {
    let pointer: OpaquePointer

    /// Takes over the caller's reference.
    init(owning pointer: OpaquePointer) { unsafe self.pointer = pointer }

    deinit { unsafe EVP_PKEY_free(pointer) }
}
