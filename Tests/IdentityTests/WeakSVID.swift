/// `spiffe://example.org/weak` with an RSA key of 1024 bits, which `PrivateKey` does not make.
enum WeakSVID {
    static let pem = """
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
        """
}
