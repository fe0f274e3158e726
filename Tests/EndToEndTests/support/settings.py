"""The configuration, rules and people that most tests share; a test changes what it is about."""

AGENT = "spiffe://example.org/agent/sales-bot"
SECOND_AGENT = "spiffe://example.org/agent/second-bot"
AUDIENCE = "spiffe://example.org/tool/orders-db"
BROKER = "https://broker.example.org"
LOGIN = "https://login.example.org"
TOOL_HOST = "orders-db.tools.svc"

RULES = """
- name: agents-may-call
  effect: Allow
  agents: ["spiffe://example.org/agent/*"]
  http: { methods: [GET, HEAD, POST, PUT, DELETE], paths: ["/open/{name}", "/held/{name}", "/twice/{name}"] }
- name: forbidden
  effect: Deny
  http: { paths: ["/open/forbidden"] }
  message: Nobody may do this.
- name: small-amounts
  effect: Allow
  http: { methods: [POST], paths: ["/amount/{name}"] }
  when:
  - { key: args.amount, operator: LessThan, value: 100 }
  - { key: args.currency, operator: In, value: [EUR, USD] }
- name: reports
  effect: Allow
  http: { methods: [GET], paths: ["/reports"] }
  when: [{ key: query.file, operator: Matches, value: '[a-z]{1,16}\\.pdf' }]
- name: no-secret-reports
  effect: Deny
  http: { paths: ["/reports"] }
  when: [{ key: query.file, operator: Equals, value: secret.pdf }]
- name: tenants
  effect: Allow
  http: { methods: [GET], paths: ["/tenant"] }
  when: [{ key: header.x-tenant, operator: Exists }]
- name: not-that-tenant
  effect: Deny
  http: { paths: ["/tenant"] }
  when: [{ key: header.x-tenant, operator: Equals, value: evil }]
- name: status-needs-no-token
  effect: Allow
  agents: ["spiffe://example.org/agent/sales-bot"]
  http: { methods: [GET], paths: ["/public/{name}"] }
  token: NotRequired
- name: tools
  effect: Allow
  agents: ["spiffe://example.org/agent/sales-bot"]
  tools: [query_orders, "export_*"]
- name: never-drop
  effect: Deny
  tools: [drop_orders]
- name: exports-are-reviewed
  effect: Hold
  tools: ["export_*"]
  approval: { groups: [data-stewards], expiresAfter: 60s }
- name: large-queries-are-refused
  effect: Deny
  tools: [query_orders]
  when: [{ key: args.limit, operator: GreaterThan, value: 1000, onMissing: Ignore }]
  message: Ask for at most 1000 orders.
- name: held
  effect: Hold
  http: { paths: ["/held/{name}"] }
  message: A steward looks at this.
  approval: { groups: [data-stewards], expiresAfter: 60s }
- name: two-persons
  effect: Hold
  http: { paths: ["/twice/{name}"] }
  approval: { groups: [data-stewards, security], required: 2, expiresAfter: 60s }
"""

EVERYTHING = """
- name: everything
  effect: Allow
  agents: ["spiffe://example.org/agent/*"]
  http: { methods: [GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS] }
  token: NotRequired
  unsafeWithoutToken: true
"""


def policy(rules, name="rules"):
    body = "\n".join("  " + line for line in rules.strip().splitlines())
    return (
        f"apiVersion: sallyport.dev/v1\nkind: ActionPolicy\nmetadata: {{ name: {name} }}\n"
        f"spec:\n  rules:\n{body}\n"
    )


def persons(alice_certificate):
    def person(name, groups, **more):
        return {"name": name, "oidc": [{"issuer": LOGIN, "subject": f"{name}-1"}], "groups": groups} | more

    return {
        "apiVersion": "sallyport.dev/v1",
        "kind": "Persons",
        "persons": [
            person("alice", ["data-stewards"], certificates=[alice_certificate]),
            person("bob", ["data-stewards"], subjects=["bob@example.org"]),
            person("carol", ["security"]),
            person("mallory", ["gardeners"]),
            person("sam", [], subjects=["sam@example.org"]),
        ],
    }


def configuration(ports, tool_url, algorithms):
    return {
        "apiVersion": "sallyport.dev/v1",
        "kind": "Proxy",
        "identity": {"certificate": "proxy.pem", "key": "proxy.key", "bundle": "bundle.pem"},
        "tools": [
            {
                "listen": f"127.0.0.1:{ports['data']}",
                "externalHosts": ["localhost", TOOL_HOST],
                "upstream": {"url": tool_url, "host": TOOL_HOST, "responseTimeout": "20s"},
                "routes": [{"path": "/mcp", "protocol": "mcp"}, {"path": "/", "protocol": "http"}],
                "tokens": {
                    "audience": AUDIENCE,
                    "clockSkew": "1s",
                    "issuers": [
                        {"issuer": BROKER, "jwks": {"file": "jwks.json"}, "algorithms": list(algorithms)}
                    ],
                },
                "policies": "policies",
            }
        ],
        "approvals": {
            "listen": f"127.0.0.1:{ports['approvals']}",
            "persons": "persons.yaml",
            "oidc": [
                {
                    "issuer": LOGIN,
                    "audience": "sallyport",
                    "authorizedParties": ["sallyport-page"],
                    "groupsClaim": "groups",
                    "jwks": {"file": "login-jwks.json"},
                    "maxAge": "1h",
                }
            ],
        },
        "ledger": {
            "directory": "ledger",
            "durability": "sync",
            "checkpointKey": "checkpoint.key",
            # The disk that tests run on need not be roomy.
            "reserve": "1MiB",
        },
        "health": {"listen": f"127.0.0.1:{ports['health']}"},
        "drain": "10s",
    }
