// Command generate makes what internal/official and its bundles embed: it
// packs the framework packs of catalog/frameworks/packs, signs them and writes
// them as OCI image layouts, beside the public key.
//
// "make build" runs it before it compiles the programs. The signing key is the
// cosign key file that MESH_OFFICIAL_KEY names (password in COSIGN_PASSWORD),
// else one of this checkout's own, made on the first run under
// .cache/official and never committed. Packs must lint, pass their cases and
// have every rule exercised, or nothing is written.
//
// The bundles are deterministic, so a run that would write the same bundles
// under the same key changes nothing: signatures, which are not deterministic,
// are kept.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/registry/sign"
)

// keyVariable names the environment variable with the path of the key.
const keyVariable = "MESH_OFFICIAL_KEY"

func main() {
	root := flag.String("root", ".", "folder of the checkout")
	flag.Parse()
	if err := run(*root); err != nil {
		report(err)
		os.Exit(1)
	}
}

func run(root string) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	changed, err := generate(ctx, settings{
		root:     root,
		keyFile:  os.Getenv(keyVariable),
		password: []byte(os.Getenv(sign.PasswordVariable)),
	})
	for _, line := range changed {
		fmt.Println("official:", line)
	}
	return err
}

// report prints an error with its findings and its hint.
func report(err error) {
	fmt.Fprintln(os.Stderr, "official:", err)
	var e *mesh.Error
	if errors.As(err, &e) {
		for _, f := range e.Findings {
			fmt.Fprintln(os.Stderr, "  "+f.String())
		}
	}
	if hint := mesh.HintOf(err); hint != "" {
		fmt.Fprintln(os.Stderr, "  "+hint)
	}
}
