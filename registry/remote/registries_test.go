package remote_test

import "testing"

// registries are the registries every behavior is tested on.
var registries = map[string]func(t *testing.T) string{
	"distribution": distribution,
}
