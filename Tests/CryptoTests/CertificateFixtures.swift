import Crypto
import Primitives
import Testing

/// Certificates that `CertificateAuthority` does not make: weak keys and digests, name constraints; all under
/// one good root.
///
/// Made once with the `openssl` command, good for a hundred years.
enum FixedCertificates {
    static let root = certificate(
        """
        -----BEGIN CERTIFICATE-----
        MIIBdDCCARqgAwIBAgIUJZA2EGveuR9eKIWya/wdHg7xFdYwCgYIKoZIzj0EAwIw
        FzEVMBMGA1UEAwwMZml4dHVyZSByb290MCAXDTI2MTEyMTAyMTI1MVoYDzIxMjYx
        MDI4MDIxMjUxWjAXMRUwEwYDVQQDDAxmaXh0dXJlIHJvb3QwWTATBgcqhkjOPQIB
        BggqhkjOPQMBBwNCAATfMpNYrAiK5PxjWoYqs7quTZUI8o3sEb9yJbRKajq5Y+XH
        MtCjg3aldVgopc0PpaaxtCfD+PYoyZ1DVUbJ+6qso0IwQDAPBgNVHRMBAf8EBTAD
        AQH/MA4GA1UdDwEB/wQEAwIBBjAdBgNVHQ4EFgQU2pgj2DTZs2wrpxICLnl62fMi
        WYIwCgYIKoZIzj0EAwIDSAAwRQIgF230lImSp1Qy3XOrfax6pSxArS0PK2rpWO2z
        2riV3TUCIQDvMIcEVWfTWNRwJjR9Ckx3f4+YSPwWTHmE1L/guCZrnw==
        -----END CERTIFICATE-----
        """)
    static let rsaOf1024Bits = certificate(
        """
        -----BEGIN CERTIFICATE-----
        MIICGjCCAcGgAwIBAgIUNHT/fZ663YQffPPBWyaYkEIasGgwCgYIKoZIzj0EAwIw
        FzEVMBMGA1UEAwwMZml4dHVyZSByb290MCAXDTI2MTEyMTAyMTI1MloYDzIxMjYx
        MDI4MDIxMjUyWjASMRAwDgYDVQQDDAdyc2ExMDI0MIGfMA0GCSqGSIb3DQEBAQUA
        A4GNADCBiQKBgQDM+zYf2/kqpb8pkRiHH715NGgcb+2qSA4gV23njNGz0F5Z454x
        j396DoSyROfgzHWTr7Yem2LMg6UIwthTsqHLl7MIWyIAUFROgqv71KyfPig4wmaQ
        4+UQvjzhabrxuoDmIZcspOrtmPgQXwCvy2Lj3efbjDdAIRoVYEgqCjTVFwIDAQAB
        o4GmMIGjMAwGA1UdEwEB/wQCMAAwDgYDVR0PAQH/BAQDAgeAMB0GA1UdJQQWMBQG
        CCsGAQUFBwMBBggrBgEFBQcDAjAdBgNVHQ4EFgQUe9WAypNW9eFbV9dwchDBJqEu
        G/8wHwYDVR0jBBgwFoAU2pgj2DTZs2wrpxICLnl62fMiWYIwJAYDVR0RBB0wG4YZ
        c3BpZmZlOi8vZXhhbXBsZS5vcmcvd2VhazAKBggqhkjOPQQDAgNHADBEAiA2AYmh
        wP0Gfkk0DjUPGJyO/TBQyHry5Jkk8Ux7T+yPbgIgWkH1hxFVKsjdMB0iVkmyz5Yd
        OtMkqqSpQ0WsMKkgJsQ=
        -----END CERTIFICATE-----
        """)
    static let rsaOf2052Bits = certificate(
        """
        -----BEGIN CERTIFICATE-----
        MIICoDCCAkWgAwIBAgIUXmfFOp981c4q6pZpAlvfbzXYwaEwCgYIKoZIzj0EAwIw
        FzEVMBMGA1UEAwwMZml4dHVyZSByb290MCAXDTI2MTEyMTAyMTI1MloYDzIxMjYx
        MDI4MDIxMjUyWjASMRAwDgYDVQQDDAdyc2EyMDUyMIIBIjANBgkqhkiG9w0BAQEF
        AAOCAQ8AMIIBCgKCAQEJoYa9mEattsSNvQEI7vR1battlf5WQIkCjtoF2lVcM7X2
        JVEZqu1vtVVZkr5uCsOdUjVKsDo9zB8gDAe9dF1bZA3UNIuYc698rrfaI9uspNfC
        BMQGZ10FMI6bIwmyMbfvIji05lt3OmIECf6JhwfFkuR3hxnlK9ASHXoDMwrq8eGk
        QdM4yEHV1DI4uhjenmWKWt6IWQEKzYfxbm/hvGEVnyCSY3c3dlYFFL0wK5bMvnH6
        bacu1XXT5fuuCgVjz/8Jdqfsgd7wPmfhDORrA9VMweQMK1oVy2CABTC2ohyUqjZz
        xcFHzTy98t1ZYOpB7dnidBjliG/qtG4dj9aFH9u+VwIDAQABo4GmMIGjMAwGA1Ud
        EwEB/wQCMAAwDgYDVR0PAQH/BAQDAgeAMB0GA1UdJQQWMBQGCCsGAQUFBwMBBggr
        BgEFBQcDAjAdBgNVHQ4EFgQU8hkwpRktzl/XUnG9ZMgCpw1AfSIwHwYDVR0jBBgw
        FoAU2pgj2DTZs2wrpxICLnl62fMiWYIwJAYDVR0RBB0wG4YZc3BpZmZlOi8vZXhh
        bXBsZS5vcmcvd2VhazAKBggqhkjOPQQDAgNJADBGAiEAo4nkrGII5m17hd+vpfrb
        71AE0TSHL+kINNhwuAoEiosCIQDRGcrPln9USZonO+gdc8qPVzh7H0P5gAnTGzOh
        yy8FlQ==
        -----END CERTIFICATE-----
        """)
    static let p521 = certificate(
        """
        -----BEGIN CERTIFICATE-----
        MIICFDCCAbqgAwIBAgIUX+7g0RwuT4F4hBnLVRowjmwHh2swCgYIKoZIzj0EAwIw
        FzEVMBMGA1UEAwwMZml4dHVyZSByb290MCAXDTI2MTEyMTAyMTI1MloYDzIxMjYx
        MDI4MDIxMjUyWjAPMQ0wCwYDVQQDDARwNTIxMIGbMBAGByqGSM49AgEGBSuBBAAj
        A4GGAAQAWWW0TV36XfZqPrG0//SHdX8Z26CMo2jLN5YQfNRtuxFC4ElEZzs0I8uc
        i8LfwMkZhOl9w7CHfkhZ3ERPqHyaCm0BfbCGs4Oeq3nZG4lPUmjVkJhb126FPZjc
        ABCLYXnQbAC8CBkx4R051jrrvucGIeqlQp2dZTNwoGc+QWtmPukjVEGjgaYwgaMw
        DAYDVR0TAQH/BAIwADAOBgNVHQ8BAf8EBAMCB4AwHQYDVR0lBBYwFAYIKwYBBQUH
        AwEGCCsGAQUFBwMCMB0GA1UdDgQWBBTbM3nfoj9OwZJtUEEcur8IAtMesjAfBgNV
        HSMEGDAWgBTamCPYNNmzbCunEgIueXrZ8yJZgjAkBgNVHREEHTAbhhlzcGlmZmU6
        Ly9leGFtcGxlLm9yZy93ZWFrMAoGCCqGSM49BAMCA0gAMEUCIQCGs0p2DhEvOX6X
        H7zz8XcjrrlVHihyXPLkToicLJzaiwIgLjn6Ae1NBP+C89QoIFRK5rnC7lmVAo9k
        TmH62FcUfVg=
        -----END CERTIFICATE-----
        """)
    static let explicitCurve = certificate(
        """
        -----BEGIN CERTIFICATE-----
        MIICyDCCAm+gAwIBAgIUbSVY3XjSXxniCiHhf17/0yQdgNowCgYIKoZIzj0EAwIw
        FzEVMBMGA1UEAwwMZml4dHVyZSByb290MCAXDTI2MTEyMTAyMTI1MloYDzIxMjYx
        MDI4MDIxMjUyWjATMREwDwYDVQQDDAhleHBsaWNpdDCCAUswggEDBgcqhkjOPQIB
        MIH3AgEBMCwGByqGSM49AQECIQD/////AAAAAQAAAAAAAAAAAAAAAP//////////
        /////zBbBCD/////AAAAAQAAAAAAAAAAAAAAAP///////////////AQgWsY12Ko6
        k+ez671VdpiGvGUdBrDMU7D2O848PifSYEsDFQDEnTYIhucEk2pmeOETnSa3gZ9+
        kARBBGsX0fLhLEJH+Lzm5WOkQPJ3A32BLeszoPShOUXYmMKWT+NC4v4af5uO5+tK
        fA+eFivOM1drMV7Oy7ZAaDe/UfUCIQD/////AAAAAP//////////vOb6racXnoTz
        ucrC/GMlUQIBAQNCAARxzDRNxvlG2ZxUz5duWBz4GtBID3NEuD/dCHfaav93hUnl
        UXbbNt7vpTUCGJzGhtveHKfXiZ7gt+VKcdrY5jueo4GmMIGjMAwGA1UdEwEB/wQC
        MAAwDgYDVR0PAQH/BAQDAgeAMB0GA1UdJQQWMBQGCCsGAQUFBwMBBggrBgEFBQcD
        AjAdBgNVHQ4EFgQUDRHbz6lriwKGSeswSslTpXd5k5gwHwYDVR0jBBgwFoAU2pgj
        2DTZs2wrpxICLnl62fMiWYIwJAYDVR0RBB0wG4YZc3BpZmZlOi8vZXhhbXBsZS5v
        cmcvd2VhazAKBggqhkjOPQQDAgNHADBEAiB2wDategIszMCRL1G1t7mIEjaazAmY
        i5sl2IT2h9LEVgIgAjnCIPhyL1A2K7XtJrmc9gGUNXWLKZdtjhJtPA1EvRI=
        -----END CERTIFICATE-----
        """)
    static let signedOverSHA1 = certificate(
        """
        -----BEGIN CERTIFICATE-----
        MIIBzzCCAXagAwIBAgIUYSQgfv/b3MCeSKW5OK4Hktv7eZkwCQYHKoZIzj0EATAX
        MRUwEwYDVQQDDAxmaXh0dXJlIHJvb3QwIBcNMjYxMTIxMDIxMjUyWhgPMjEyNjEw
        MjgwMjEyNTJaMA8xDTALBgNVBAMMBHNoYTEwWTATBgcqhkjOPQIBBggqhkjOPQMB
        BwNCAAQmliBMhBm0aSvwrntlcTqd2fVT4aVZiFToMFtw/msIaWPxIrjfLlpJdAwG
        op1vf+U1g33H3npOhdrSBliBDStko4GmMIGjMAwGA1UdEwEB/wQCMAAwDgYDVR0P
        AQH/BAQDAgeAMB0GA1UdJQQWMBQGCCsGAQUFBwMBBggrBgEFBQcDAjAdBgNVHQ4E
        FgQUy8qzKXj1FwQ+twREEdzzyq1fyKAwHwYDVR0jBBgwFoAU2pgj2DTZs2wrpxIC
        Lnl62fMiWYIwJAYDVR0RBB0wG4YZc3BpZmZlOi8vZXhhbXBsZS5vcmcvd2VhazAJ
        BgcqhkjOPQQBA0gAMEUCIGY1BbOeCkJUgSes79V7elWQcS0cqLeH9XQ2naW7em4F
        AiEArvBnvc8/a0/TygwxyyESB9e9qk8JhXxD5Dz0v/UtVqY=
        -----END CERTIFICATE-----
        """)
    /// An authority for URI and DNS names of `example.org`, except `secret.example.org`.
    static let constrained = certificate(
        """
        -----BEGIN CERTIFICATE-----
        MIIB0zCCAXmgAwIBAgIUTecd1UJsOwA5hMmIRrN0FapBBJgwCgYIKoZIzj0EAwIw
        FzEVMBMGA1UEAwwMZml4dHVyZSByb290MCAXDTI2MTEyMTAyMjAyN1oYDzIxMjYx
        MDI4MDIyMDI3WjANMQswCQYDVQQDDAJuYzBZMBMGByqGSM49AgEGCCqGSM49AwEH
        A0IABA3DMxOPpO+wFyDmhH9Txi1lJ+bEjFwRy7DWqw/gc3copTK+CWy7izJkA3L9
        pOqgTeWnWnO4IBmRdPQE1DRZI8OjgaowgacwDwYDVR0TAQH/BAUwAwEB/zAOBgNV
        HQ8BAf8EBAMCAgQwHQYDVR0OBBYEFGAf4yoEWiCvqrM1caOXtuIrKxKhMB8GA1Ud
        IwQYMBaAFNqYI9g02bNsK6cSAi55etnzIlmCMEQGA1UdHgEB/wQ6MDigHjANhgtl
        eGFtcGxlLm9yZzANggtleGFtcGxlLm9yZ6EWMBSCEnNlY3JldC5leGFtcGxlLm9y
        ZzAKBggqhkjOPQQDAgNIADBFAiEAs9NGCAaBktsSyUpuGRsF+v35OyrEkyqcZHyy
        Wiv7M+gCIDYwkenvq3R63L5qVQ3Njd0SqiQGUR6ULmIxQMm2whTv
        -----END CERTIFICATE-----
        """)
    /// `spiffe://example.org/agent`, by `constrained`.
    static let inside = certificate(
        """
        -----BEGIN CERTIFICATE-----
        MIIBpzCCAU2gAwIBAgIUeE1D0clDQXLxaL2ybES+JuLYs6gwCgYIKoZIzj0EAwIw
        DTELMAkGA1UEAwwCbmMwIBcNMjYxMTIxMDIyMDI3WhgPMjEyNjEwMjgwMjIwMjda
        MA0xCzAJBgNVBAMMAmluMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEkSDOayNt
        tYNZx5HihhC8RTBcOrMQ1Bs8zQNWnWXBF4YMt5w44YBx2TiGi8SHseYIvUDIXBI9
        IK1bORLA4AE9N6OBiDCBhTAMBgNVHRMBAf8EAjAAMA4GA1UdDwEB/wQEAwIHgDAd
        BgNVHQ4EFgQULrrfOPx8c+JJSu7ef5Z02/e059cwHwYDVR0jBBgwFoAUYB/jKgRa
        IK+qszVxo5e24isrEqEwJQYDVR0RBB4wHIYac3BpZmZlOi8vZXhhbXBsZS5vcmcv
        YWdlbnQwCgYIKoZIzj0EAwIDSAAwRQIgA5kK+ZGdoJMi6XWRXQSN4kkJ2+r7jQb9
        43NcKlFgqVcCIQCcPcYXcE6fHIh5CV1VOygLSDjpUEbojmLol6YcZaVVXw==
        -----END CERTIFICATE-----
        """)
    /// `spiffe://other.org/agent`, by `constrained`.
    static let outside = certificate(
        """
        -----BEGIN CERTIFICATE-----
        MIIBpTCCAUygAwIBAgIUTZmw1jT1W2vRaZF/48fzoM60wGUwCgYIKoZIzj0EAwIw
        DTELMAkGA1UEAwwCbmMwIBcNMjYxMTIxMDIyMDI3WhgPMjEyNjEwMjgwMjIwMjda
        MA4xDDAKBgNVBAMMA291dDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABNWJJ6Aw
        oB60VYlhMlBU/Bj8tWlcGYd2MXCiGBg4Go6n70e2oplOV3fRYmBOSiS7O8ob5Obx
        YPH/9VfdkarEjIWjgYYwgYMwDAYDVR0TAQH/BAIwADAOBgNVHQ8BAf8EBAMCB4Aw
        HQYDVR0OBBYEFN/0PcRcEc3OBHIuZr5Fh7VZPslaMB8GA1UdIwQYMBaAFGAf4yoE
        WiCvqrM1caOXtuIrKxKhMCMGA1UdEQQcMBqGGHNwaWZmZTovL290aGVyLm9yZy9h
        Z2VudDAKBggqhkjOPQQDAgNHADBEAiBJOfPGR2EqrtwNgJU4WyuvZAAxHNuePlmY
        nJYJUfzyFwIgBokbqtlIJx1wveFmMMmfbRNWAGQhmRKYMyj4tYMpmkg=
        -----END CERTIFICATE-----
        """)
    /// `*.example.org`, by `constrained`.
    static let wildcard = certificate(
        """
        -----BEGIN CERTIFICATE-----
        MIIBmjCCAUCgAwIBAgIUIEQl2eXYdu8kgeeuDnUyI6Iux3gwCgYIKoZIzj0EAwIw
        DTELMAkGA1UEAwwCbmMwIBcNMjYxMTIxMDIyMDI3WhgPMjEyNjEwMjgwMjIwMjda
        MA8xDTALBgNVBAMMBHdpbGQwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAATaEGzo
        0NHlD/rj679qgtJeA9ejvd5f1FUshcacUAbxRV4COecpCko0EP/mW2TgiEAJVcDQ
        fs56o0llQCwEj75Do3oweDAMBgNVHRMBAf8EAjAAMA4GA1UdDwEB/wQEAwIHgDAd
        BgNVHQ4EFgQUKRFCVaaTlmglUP4LdzueAsx8bHgwHwYDVR0jBBgwFoAUYB/jKgRa
        IK+qszVxo5e24isrEqEwGAYDVR0RBBEwD4INKi5leGFtcGxlLm9yZzAKBggqhkjO
        PQQDAgNIADBFAiABHndE0fsgKicUqYm50bZg5XITy5hYdUKngAEG7jo0ugIhALT5
        jZHJqy/RX2jO2LzOjX2/bBdThl8cQGmkQJylpwKy
        -----END CERTIFICATE-----
        """)

    /// A moment at which all of them are in time.
    static let now = Timestamp(seconds: 1_830_000_000)

    private static func certificate(_ pem: String) -> Certificate {
        guard let certificate = try? Certificate.chain(pem: pem).first else {
            preconditionFailure("not PEM: \(pem)")
        }
        return certificate
    }
}

/// SplitMix64: the same numbers for the same seed.
struct SeededBytes: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// One to three bytes changed, one dropped, or the rest cut off.
    mutating func mutate(_ bytes: [UInt8]) -> [UInt8] {
        guard !bytes.isEmpty else { return bytes }
        var mutated = bytes
        switch UInt8.random(in: 0..<8, using: &self) {
        case 0: mutated.remove(at: Int.random(in: mutated.indices, using: &self))
        case 1: mutated.removeLast(Int.random(in: 1...mutated.count, using: &self))
        default:
            for _ in 0..<Int.random(in: 1...3, using: &self) {
                mutated[Int.random(in: mutated.indices, using: &self)] ^= UInt8.random(
                    in: 1...255, using: &self)
            }
        }
        return mutated
    }
}
