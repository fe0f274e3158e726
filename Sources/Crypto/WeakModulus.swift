/// Knows RSA moduli made by the broken library of CVE-2017-15361 (ROCA), whose factors can be found.
///
/// Modulo each small prime, such a modulus is always a power of 65537. An honest one is that for all of these
/// primes by chance once in about 2^27 keys.
enum WeakModulus {
    private static let primes = [11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157]
    private static let generator = 65537

    static func isWeak(_ modulus: [UInt8]) -> Bool {
        primes.allSatisfy { prime in
            let remainder = modulus.reduce(0) { ($0 << 8 | Int($1)) % prime }
            return isPowerOfGenerator(remainder, modulo: prime)
        }
    }

    private static func isPowerOfGenerator(_ number: Int, modulo prime: Int) -> Bool {
        var power = 1
        for _ in 0..<prime {
            if power == number { return true }
            power = power * generator % prime
        }
        return false
    }
}
