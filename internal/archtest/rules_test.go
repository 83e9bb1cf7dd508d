package archtest

// module is the import path of the root package.
const module = "github.com/ai-agent-mesh/mesh"

// Patterns in the tables are import paths relative to the module: "" is the
// root package, "a/b" one package and "a/b/..." that package and all below it.

// layers places every package of the module and says what else of the module
// its code outside tests may import. The longest pattern that matches decides.
// What belongs to a single importer is narrowed further by reserved.
var layers = map[string][]string{
	// The vocabulary imports nothing of ours.
	"": {},

	// The registry knows artifacts and signatures, no policies; the engine
	// knows policies and actions, no artifacts. internal/publish joins them.
	"registry/...":                 {"", "registry/..."},
	"registry/metadata/sqlite/...": {"", "registry/...", "internal/sqlite", "migrations"},
	"engine/...":                   {"", "engine/..."},
	"engine/enginetest":            {"", "engine", "engine/decode", "engine/policy"}, // its interpreter shares no code with the engine's
	"internal/publish":             {"", "registry/...", "engine/..."},

	// The runtime knows the hub through its wire contract alone.
	"runtime/...": {"", "registry", "registry/bundle", "registry/trust", "registry/remote", "engine/...", "runtime/...",
		"catalog/hubapi", "internal/publish", "internal/auditlog", "internal/durable", "internal/httpx", "internal/official"},

	// The hub: services, the stores they ask for, the routes over them.
	"catalog/...":        {"", "registry/...", "engine/...", "catalog/...", "internal/publish", "internal/auth", "internal/httpx", "internal/auditlog"},
	"catalog/sqlite":     {"", "registry", "catalog/...", "internal/auth", "internal/sqlite", "migrations"},
	"catalog/frameworks": {"", "engine/policy", "catalog/frameworks/..."},
	"catalog/hubapi":     {""},
	"frontend":           {"", "catalog/hubapi", "internal/httpx"},
	"migrations":         {},

	// Parts that several programs share.
	"internal/archtest":          {},
	"internal/auditlog":          {""},
	"internal/auth":              {"", "internal/durable", "internal/httpx"},
	"internal/config":            {"", "engine/spelling", "engine/yamldoc"},
	"internal/durable":           {""},
	"internal/httpx":             {""},
	"internal/official":          {""}, // the public key alone: mesh-runtime links it
	"internal/official/bundles":  {"", "registry", "registry/bundle", "internal/official"},
	"internal/official/generate": {"", "registry/...", "internal/durable", "internal/official/...", "internal/publish", "catalog/frameworks"},
	"internal/sqlite":            {"", "migrations"},

	// Wiring.
	"internal/hub": {"", "registry/...", "engine/...", "catalog/...", "frontend", "migrations", "internal/..."},
	"internal/node": {"", "registry/...", "engine/...", "runtime/...", "catalog/hubapi",
		"internal/auditlog", "internal/config", "internal/httpx", "internal/official", "internal/publish"},
	"internal/cli/...": {"", "registry/...", "engine/...", "catalog/frameworks", "catalog/hubapi", "internal/..."},
	"cmd/mesh":         {"internal/cli/..."},
	"cmd/mesh-runtime": {"internal/cli/..."},
	"catalog/examples": {}, // tests that the examples are
	"docs":             {}, // tests that the documents are true
	"e2e":              {},

	// Only tests, which keep what the documents show true.

}

// reserved narrows layers: these packages may be imported, outside tests, by
// nobody but the trees listed with them.
var reserved = map[string][]string{
	// Services ask for narrow interfaces; only the wiring knows the store.
	"registry/metadata/sqlite": {"internal/hub", "registry/metadata/sqlite/..."},
	"catalog/sqlite":           {"internal/hub"},
	"internal/sqlite":          {"registry/metadata/sqlite", "catalog/sqlite", "internal/hub"},
	"migrations":               {"registry/metadata/sqlite", "catalog/sqlite", "internal/sqlite", "internal/hub"},
	"frontend":                 {"catalog/api", "internal/hub"},
	// Signing weighs 21 MB of cosign.
	"registry/sign":    {"internal/cli/...", "internal/official/..."},
	"internal/hub":     {"internal/cli/..."},
	"internal/node":    {"internal/cli/..."},
	"internal/cli/...": {"internal/cli/...", "cmd/mesh", "cmd/mesh-runtime"},
}

// owners places every third-party module that code outside tests imports
// directly, and names the trees that may. A dependency that is not here fails:
// it is a decision, taken here with its reason and argued in CONTRIBUTING.md's
// terms. A path prefix stands for everything below it; the longest decides.
var owners = map[string][]string{
	"cel.dev/cel-go":                                    {"engine/..."},
	"github.com/Masterminds/semver/v3":                  {"registry/bundle"},
	"github.com/danielgtaylor/huma/v2":                  {"catalog/api"},
	"github.com/gin-gonic/gin":                          {"catalog/api"},
	"github.com/go-json-experiment/json":                {"engine/decode", "internal/httpx", "registry", "registry/bundle", "runtime/..."},
	"github.com/opencontainers/go-digest":               {"registry/...", "catalog/index"},
	"github.com/opencontainers/image-spec":              {"registry/...", "catalog/index", "internal/publish", "internal/official/..."},
	"github.com/pressly/goose/v3":                       {"internal/sqlite"},
	"github.com/prometheus/client_golang":               {"internal/hub", "internal/node"},
	"github.com/santhosh-tekuri/jsonschema/v6":          {"engine/..."},
	"github.com/sigstore/cosign/v2":                     {"registry/sign"},
	"github.com/sigstore/sigstore":                      {"registry/sign", "registry/trust"},
	"github.com/sigstore/sigstore-go":                   {"registry/trust"},
	"github.com/spf13/cobra":                            {"internal/cli/..."},
	"github.com/spf13/pflag":                            {"internal/cli/..."}, // cobra's flags
	"github.com/in-toto/attestation":                    {"registry/sign"},    // the statement that a signature signs
	"google.golang.org/protobuf":                        {"registry/sign"},    // in which Sigstore defines its bundle
	"github.com/secure-systems-lab/go-securesystemslib": {"registry/sign"},    // the encryption of cosign's key files
	"github.com/tidwall/wal":                            {"runtime/journal"},
	"github.com/transparency-dev/merkle":                {"internal/auditlog"},
	"go.yaml.in/yaml/v3":                                {"engine/...", "registry/strictyaml", "internal/config", "internal/cli/..."},
	"golang.org/x/sync":                                 {"internal/...", "runtime/pdp"},
	"golang.org/x/term":                                 {"internal/cli/..."},
	"modernc.org/sqlite":                                {"internal/sqlite"},
	"oras.land/oras-go/v2":                              {"registry/remote"},
}

// pure are trees that answer from their arguments alone: they import nothing
// of the standard library that reaches the disk or a process, and the engine
// nothing that reaches the network or rolls dice. (The vocabulary has HTTP
// statuses, hubapi an HTTP client.)
var pure = map[string][]string{
	"":               {"database/sql", "os", "plugin", "syscall"},
	"engine/...":     {"database/sql", "math/rand", "net/http", "os", "plugin", "syscall"},
	"catalog/hubapi": {"database/sql", "os", "plugin", "syscall"},
}

// apart are packages that even tests do not bring together.
var apart = map[string][]string{
	"registry/...": {"engine/...", "catalog/...", "runtime/..."},
	"engine/...":   {"registry/...", "catalog/...", "runtime/..."},
	"e2e":          {"", "registry/...", "engine/...", "runtime/...", "catalog/...", "internal/..."},
}

// testOnly are third-party modules for tests alone; no program links them.
var testOnly = []string{
	"github.com/google/go-cmp",
	"github.com/rogpeppe/go-internal",
}

// refused are modules the project does not use, in tests neither.
var refused = map[string]string{
	"github.com/stretchr/testify": "tests use the standard library and go-cmp",
	"github.com/golang/mock":      "tests use fakes or the real thing",
	"go.uber.org/mock":            "tests use fakes or the real thing",
	"github.com/google/cel-go":    "the module moved to cel.dev/cel-go",
	"gopkg.in/yaml.v3":            "the module moved to go.yaml.in/yaml/v3",
}

// unlinked says what a program must not link, not even through packages of
// others, and why. Paths of our own are relative to the module.
var unlinked = map[string]map[string]string{
	"cmd/mesh-runtime": {
		"github.com/gin-gonic/gin":            "the runtime's handlers are net/http",
		"github.com/danielgtaylor/huma":       "the runtime's handlers are net/http",
		"github.com/jackc/pgx":                "the runtime keeps no database",
		"modernc.org/sqlite":                  "the runtime keeps no database",
		"github.com/pressly/goose":            "the runtime keeps no database",
		"github.com/sigstore/cosign":          "the runtime verifies, it does not sign",
		module + "/registry/sign":             "the runtime verifies, it does not sign",
		module + "/registry/metadata":         "the registry's server is the hub's",
		module + "/registry/ocihttp":          "the registry's server is the hub's",
		module + "/registry/blobs":            "the registry's server is the hub's",
		module + "/internal/sqlite":           "the runtime keeps no database",
		module + "/internal/hub":              "the hub is the other program",
		module + "/internal/official/bundles": "the official bundles are the hub's to serve",
		module + "/catalog":                   "the runtime knows the hub through catalog/hubapi",
		module + "/frontend":                  "the site is the hub's",
		module + "/migrations":                "the runtime keeps no database",
	},
	"cmd/mesh": {
		"github.com/jackc/pgx": "the embedded default needs no Postgres",
	},
}

// linkedAnyway are exceptions to unlinked, by program.
var linkedAnyway = map[string][]string{
	"cmd/mesh-runtime": {module + "/catalog/hubapi"},
}

// saysNothing are package names that tell no reader what is inside.
var saysNothing = []string{
	"base", "common", "core", "helper", "helpers", "lib", "manager", "misc", "model", "models",
	"shared", "stuff", "tools", "types", "util", "utils",
}

// maxFunction is the number of lines, comments and braces included, that no
// function may exceed.
const maxFunction = 100
