import Simulation

/// What the command line asks for.
enum Wanted {
    /// The whole story of one seed.
    case story(UInt64, Defect?)
    case seeds(Range<UInt64>, Defect?)

    static var usage: String {
        """
        usage: sallyport-simulate SEED [--defect NAME]
               sallyport-simulate --seeds N [--from SEED] [--defect NAME]
               sallyport-simulate --forever [--from SEED]
        defects: \(Defect.allCases.map(\.rawValue).joined(separator: " "))
        """
    }

    /// Nil for anything else than what `usage` shows.
    init?(_ arguments: [String]) {
        var (seed, start, count): (UInt64?, UInt64?, UInt64?) = (nil, nil, nil)
        var defect: Defect?
        var rest = arguments[...]
        while let argument = rest.popFirst() {
            switch argument {
            case "--forever": count = .max
            case "--seeds": count = rest.popFirst().flatMap { UInt64($0) }
            case "--from": start = rest.popFirst().flatMap { UInt64($0) }
            case "--defect": defect = rest.popFirst().flatMap(Defect.init)
            default: seed = UInt64(argument)
            }
            let isGood = [
                "--forever": true, "--seeds": count != nil, "--from": start != nil, "--defect": defect != nil,
            ]
            guard isGood[argument] ?? (seed != nil) else { return nil }
        }
        if let seed, start == nil, count == nil {
            self = .story(seed, defect)
        } else if let count, seed == nil {
            let first = start ?? 0
            self = .seeds(first..<first + min(count, .max - first), defect)
        } else {
            return nil
        }
    }
}
