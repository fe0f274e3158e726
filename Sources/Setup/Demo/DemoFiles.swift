/// What the demo writes for people and for the proxy to read.
enum DemoFiles {
    static let policy = """
        apiVersion: sallyport.dev/v1
        kind: ActionPolicy
        metadata: { name: orders-db }
        spec:
          rules:
          - name: read-orders
            effect: Allow
            agents: ["spiffe://demo.test/agent/sales-bot"]
            http: { methods: [GET], paths: ["/v1/orders/{id}"] }
          - name: make-refunds
            effect: Allow
            agents: ["spiffe://demo.test/agent/sales-bot"]
            http: { methods: [POST], paths: ["/v1/refunds"] }
          - name: query-orders
            effect: Allow
            agents: ["spiffe://demo.test/agent/sales-bot"]
            tools: [query_orders, drop_orders]
          - name: nothing-is-dropped
            effect: Deny
            tools: ["drop_*"]
            message: Orders are never dropped by an agent.
          - name: large-queries
            effect: Hold
            tools: [query_orders]
            when: [{ key: args.limit, operator: GreaterThan, value: 1000 }]
            approval: { groups: [data-stewards], required: 1, expiresAfter: 15m }
          - name: large-refunds
            effect: Hold
            http: { methods: [POST], paths: ["/v1/refunds"] }
            when: [{ key: args.amount, operator: GreaterThan, value: 100 }]
            approval: { groups: [data-stewards], required: 1, expiresAfter: 15m }

        """

    static let persons = """
        apiVersion: sallyport.dev/v1
        kind: Persons
        persons:
        - name: alice
          groups: [data-stewards]
          oidc: [{ issuer: "https://login.demo.test", subject: alice }]
        - name: bob
          groups: [data-stewards]
          oidc: [{ issuer: "https://login.demo.test", subject: bob }]
        - name: carol
          oidc: [{ issuer: "https://login.demo.test", subject: carol }]
          subjects: ["carol@demo.test"]

        """

    /// Ports of 0 are any free ones; the skew is 0 because issuer and proxy share one clock.
    static func proxy(toolPort: Int) -> String {
        """
        apiVersion: sallyport.dev/v1
        kind: Proxy
        identity: { certificate: proxy.pem, key: proxy.key, bundle: ca.pem }
        tools:
        - listen: 127.0.0.1:0
          externalHosts: [localhost]
          upstream: { url: "http://127.0.0.1:\(toolPort)", host: orders-db.tools.svc }
          routes: [{ path: /mcp, protocol: mcp }, { path: /, protocol: http }]
          tokens:
            audience: spiffe://demo.test/tool/orders-db
            issuers: [{ issuer: "https://broker.demo.test", jwks: { file: broker-jwks.json }, algorithms: [ES256] }]
            clockSkew: 0s
          policies: policy.yaml
        approvals:
          listen: 127.0.0.1:0
          persons: persons.yaml
          oidc: [{ issuer: "https://login.demo.test", audience: sallyport, authorizedParties: [sallyport-page], jwks: { file: login-jwks.json } }]
        ledger: { directory: ledger, checkpointKey: checkpoint.key, reserve: 1MiB }
        health: { listen: 127.0.0.1:0 }
        drain: 2s

        """
    }

    /// `token ACTION RESOURCE`: a fresh capability from the demo's issuer.
    static func tokenScript(issuerPort: Int) -> String {
        """
        #!/bin/sh
        # token ACTION RESOURCE  prints a fresh single-use capability of the demo's agent
        exec curl -sS --fail-with-body -G "http://127.0.0.1:\(issuerPort)/token" \\
          --data-urlencode "action=$1" --data-urlencode "resource=$2"

        """
    }

    /// `login PERSON`: an approver's OIDC token.
    static func loginScript(issuerPort: Int) -> String {
        """
        #!/bin/sh
        # login PERSON  prints an OIDC token of alice, bob or carol
        exec curl -sS --fail-with-body -G "http://127.0.0.1:\(issuerPort)/login" --data-urlencode "person=$1"

        """
    }

    /// `review approve|deny [PERSON]`: decides the oldest pending approval.
    static func reviewScript(directory: String, approvalsPort: Int) -> String {
        """
        #!/bin/sh
        # review approve|deny [PERSON]  decides the oldest pending approval (as alice)
        set -eu
        api="http://127.0.0.1:\(approvalsPort)/v1/approvals"
        auth="Authorization: Bearer $('\(directory)/login' "${2:-alice}")"
        pending=$(curl -sS -H "$auth" "$api?status=pending&limit=1")
        id=$(printf %s "$pending" | grep -o '"id":"[^"]*"' | head -n 1 | cut -d '"' -f 4) || true
        digest=$(printf %s "$pending" | grep -o '"digest":"[^"]*"' | head -n 1 | cut -d '"' -f 4) || true
        [ -n "$id" ] || { echo "nothing is pending" >&2; exit 1; }
        exec curl -sS --fail-with-body -H "$auth" -H 'Content-Type: application/json' "$api/$id/reviews" \\
          -d "{\\"decision\\":\\"$1\\",\\"reason\\":\\"decided in the demo\\",\\"digest\\":\\"$digest\\"}"

        """
    }
}
