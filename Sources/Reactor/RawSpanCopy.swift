extension RawSpan {
    /// For engines that keep what they are given.
    public var copied: [UInt8] {
        unsafe withUnsafeBytes { unsafe [UInt8]($0) }
    }
}
