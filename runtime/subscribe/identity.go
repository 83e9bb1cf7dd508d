package subscribe

import (
	"cmp"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/internal/durable"
)

const (
	keyFile       = "runtime.key"
	enrolmentFile = "enrolment.json"
	secretMode    = 0o600
	pemPrivateKey = "PRIVATE KEY"
	defaultName   = "runtime" // of a runtime whose host has no name

	// nameSuffixBytes of the key's hash tell apart the runtimes of one host.
	nameSuffixBytes = 4
)

// enrolment is what the hub gave. The token belongs to that hub alone and is
// never sent to another.
type enrolment struct {
	Hub       string         `json:"hub"`
	RuntimeID mesh.RuntimeID `json:"runtimeId"`
	Name      string         `json:"name"`
	Token     string         `json:"token"`
}

// nameOf returns the name of a runtime: the one it is enrolled under, before
// that the one it is given, else the host's. The name stands in evidence, so a
// runtime does not change it.
func nameOf(given string, known *enrolment, dir string) (string, error) {
	switch {
	case known == nil || known.Name == "":
		host, _ := os.Hostname()
		return cmp.Or(given, host, defaultName), nil
	case given != "" && given != known.Name:
		return "", mesh.Errorf(mesh.CodeConflict, "the runtime in %s is enrolled at %s as %s, not as %s", dir, known.Hub, known.Name, given).
			WithHint("leave --name out, or give a runtime of another name a data directory of its own with --data-dir")
	}
	return known.Name, nil
}

// loadKey reads the runtime's Ed25519 key (PKCS #8 in PEM) and makes one at
// the first start. A key that others can read is refused: its signatures would
// prove nothing.
func loadKey(dir string) (ed25519.PrivateKey, error) {
	path := filepath.Join(dir, keyFile)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return makeKey(path)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the runtime's key: %w", err)
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("reading the runtime's key: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, mesh.Errorf(mesh.CodeForbidden, "the runtime's key %s can be read by others (mode %04o)", path, info.Mode().Perm()).
			WithHint("run chmod 600 on it; if others may have read it, remove it and enrolment.json to enrol anew")
	}
	block, _ := pem.Decode(data)
	if block == nil || block.Type != pemPrivateKey {
		return nil, badKey(path)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, badKey(path)
	}
	key, ok := parsed.(ed25519.PrivateKey)
	if !ok {
		return nil, badKey(path)
	}
	return key, nil
}

func badKey(path string) error {
	return mesh.Errorf(mesh.CodeInvalid, "%s holds no Ed25519 key in PKCS #8 PEM", path).
		WithHint("restore it from a backup, or remove it and enrolment.json to enrol anew under another name")
}

func makeKey(path string) (ed25519.PrivateKey, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("making the runtime's key: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("making the runtime's key: %w", err)
	}
	return key, durable.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: pemPrivateKey, Bytes: der}), secretMode)
}

// loadEnrolment returns the enrolment at the hub, or nil if there is none.
func loadEnrolment(dir, hub string) (*enrolment, error) {
	e, err := readEnrolment(dir)
	if err != nil || e == nil || e.Hub != hub {
		return nil, err
	}
	return e, nil
}

// readEnrolment returns the enrolment at whatever hub, or nil if there is none.
func readEnrolment(dir string) (*enrolment, error) {
	path := filepath.Join(dir, enrolmentFile)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the enrolment: %w", err)
	}
	var e enrolment
	if err := json.Unmarshal(data, &e); err != nil {
		return nil, mesh.Errorf(mesh.CodeInvalid, "reading the enrolment in %s: %w", path, err).
			WithHint("remove the file: the runtime then enrols again with the token it is given")
	}
	return &e, nil
}

func storeEnrolment(dir string, e *enrolment) error {
	data, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("storing the enrolment: %w", err)
	}
	return durable.WriteFile(filepath.Join(dir, enrolmentFile), append(data, '\n'), secretMode)
}
