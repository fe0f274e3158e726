internal import CPCRE2
public import Primitives

/// A compiled regular expression that always speaks of the whole subject; the only door to PCRE2.
///
/// Compiled `ANCHORED | ENDANCHORED | UTF | NEVER_BACKSLASH_C`. A match is bounded in steps, depth and memory, and so is
/// its subject: an expression that backtracks without end answers `.limit`, it does not stop a thread. The just-in-time
/// compiler is used when the library has it.
///
/// `@unchecked Sendable`: both pointers are written in `init` and freed in `deinit`, and in between only read; PCRE2
/// allows any number of threads to match with one compiled pattern (pcre2api(3), MULTITHREADING).
@safe
public final class Pattern: @unchecked Sendable {
    /// Bytes of an expression.
    public static let expressionBytesMax = 4096
    /// Bytes of a subject; a longer one is `.limit`.
    public static let subjectBytesMax = 64 * 1024
    /// Calls of PCRE2's internal `match()`, about one for each step back.
    public static let matchStepsMax: UInt32 = 250_000
    /// Nested backtracking points of the interpreter.
    public static let depthMax: UInt32 = 50_000
    /// KiB of heap of the interpreter; the just-in-time code has 32 KiB of stack.
    public static let heapKiBMax: UInt32 = 4096
    /// Parentheses inside parentheses.
    public static let groupDepthMax: UInt32 = 64

    public enum Outcome: Sendable, Hashable {
        case match
        case noMatch
        /// Not decided: a limit was hit, or the subject is too long or not UTF-8.
        case limit
    }

    private let code: OpaquePointer
    private let limits: OpaquePointer

    public init(_ expression: Text) throws(PatternError) {
        guard expression.count <= Self.expressionBytesMax else { throw .tooLong }
        guard UTF8Check.isValid(expression.bytes) else { throw .notUTF8 }
        unsafe code = try Self.compile(expression)
        unsafe limits = Self.makeLimits()
        // Without the just-in-time compiler (or memory for it) the interpreter answers the same.
        unsafe _ = pcre2_jit_compile_8(code, PCRE2_JIT_COMPLETE)
    }

    deinit {
        unsafe pcre2_match_context_free_8(limits)
        unsafe pcre2_code_free_8(code)
    }

    /// Whether the expression matches all of `subject`.
    public func match(_ subject: Text) -> Outcome {
        guard subject.count <= Self.subjectBytesMax else { return .limit }
        guard let data = unsafe pcre2_match_data_create_8(1, nil) else { return .limit }
        defer { unsafe pcre2_match_data_free_8(data) }
        var result = unsafe run(on: subject, options: 0, into: data)
        // The interpreter may use more memory than the machine stack of the just-in-time code.
        if result == PCRE2_ERROR_JIT_STACKLIMIT {
            result = unsafe run(on: subject, options: PCRE2_NO_JIT, into: data)
        }
        if result == PCRE2_ERROR_NOMATCH { return .noMatch }
        guard result >= 0, unsafe pcre2_get_ovector_pointer_8(data)[1] == subject.count else { return .limit }
        return .match
    }

    private func run(on subject: Text, options: UInt32, into data: OpaquePointer) -> Int32 {
        // Never a null pointer, also when the subject is empty.
        let bytes = subject.isEmpty ? [0] : subject.bytes
        return unsafe bytes.withUnsafeBufferPointer { buffer in
            unsafe pcre2_match_8(code, buffer.baseAddress, subject.count, 0, options, data, limits)
        }
    }

    private static func compile(_ expression: Text) throws(PatternError) -> OpaquePointer {
        guard let context = unsafe pcre2_compile_context_create_8(nil) else {
            preconditionFailure("no memory for a compile context of PCRE2")
        }
        defer { unsafe pcre2_compile_context_free_8(context) }
        unsafe pcre2_set_parens_nest_limit_8(context, groupDepthMax)
        let options = PCRE2_ANCHORED | PCRE2_ENDANCHORED | PCRE2_UTF | PCRE2_NEVER_BACKSLASH_C
        let bytes = expression.isEmpty ? [0] : expression.bytes
        var (number, offset): (Int32, Int) = (0, 0)
        let code = unsafe bytes.withUnsafeBufferPointer { buffer in
            unsafe pcre2_compile_8(buffer.baseAddress, expression.count, options, &number, &offset, context)
        }
        guard let code = unsafe code else { throw .invalid(message: message(for: number), offset: offset) }
        return unsafe code
    }

    private static func makeLimits() -> OpaquePointer {
        guard let limits = unsafe pcre2_match_context_create_8(nil) else {
            preconditionFailure("no memory for a match context of PCRE2")
        }
        unsafe pcre2_set_match_limit_8(limits, matchStepsMax)
        unsafe pcre2_set_depth_limit_8(limits, depthMax)
        unsafe pcre2_set_heap_limit_8(limits, heapKiBMax)
        return unsafe limits
    }

    private static func message(for number: Int32) -> String {
        var buffer = [UInt8](repeating: 0, count: 256)
        let capacity = buffer.count
        let length = unsafe buffer.withUnsafeMutableBufferPointer { space in
            unsafe pcre2_get_error_message_8(number, space.baseAddress, capacity)
        }
        return length > 0 ? String(decoding: buffer.prefix(Int(length)), as: UTF8.self) : "error \(number)"
    }
}

public enum PCRE2Library {
    /// Of the library that is loaded: `10.42 2022-12-11`.
    public static var version: String {
        let length = pcre2_config_8(UInt32(PCRE2_CONFIG_VERSION), nil)
        guard length > 0 else { return "unknown" }
        var buffer = [CChar](repeating: 0, count: Int(length))
        _ = unsafe buffer.withUnsafeMutableBytes {
            unsafe pcre2_config_8(UInt32(PCRE2_CONFIG_VERSION), $0.baseAddress)
        }
        return String(decoding: buffer.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
