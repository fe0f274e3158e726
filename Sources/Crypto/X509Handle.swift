internal import COpenSSL

/// Owns one reference to an `X509`.
///
/// Its extensions are decoded before it is shared, and nothing changes it after.
@safe final class X509Handle: @unchecked Sendable {
    let pointer: OpaquePointer

    init(owning pointer: OpaquePointer) { unsafe self.pointer = pointer }

    deinit { unsafe X509_free(pointer) }

    /// The encoding of the certificate; nil when OpenSSL can not write it.
    var der: [UInt8]? {
        let length = unsafe i2d_X509(pointer, nil)
        guard length > 0 else {
            OpenSSLError.clear()
            return nil
        }
        return unsafe [UInt8](unsafeUninitializedCapacity: Int(length)) { buffer, filled in
            var position = buffer.baseAddress
            filled = max(0, Int(unsafe i2d_X509(pointer, &position)))
        }
    }
}

/// A `STACK_OF(X509)` for the length of one call.
@safe struct X509Stack: ~Copyable {
    let pointer: OpaquePointer

    init(_ certificates: some Sequence<Certificate>) {
        guard let pointer = unsafe sallyport_x509_stack() else {
            preconditionFailure("there is memory for a stack")
        }
        unsafe self.pointer = pointer
        for certificate in certificates {
            guard unsafe sallyport_x509_push(pointer, certificate.handle.pointer) == 1 else {
                preconditionFailure("there is memory for a stack")
            }
        }
    }

    deinit { unsafe sallyport_x509_stack_free(pointer) }
}
