//go:build !linux

package e2e

import (
	"errors"

	"github.com/rogpeppe/go-internal/testscript"
)

func stepMaxFile(*testscript.TestScript, []string) (string, error) {
	return "", errors.New("limits of a running process can be changed on Linux only")
}
