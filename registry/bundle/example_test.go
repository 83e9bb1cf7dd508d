package bundle_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/registry/bundle"
)

// A bundle goes from sources to a layout that any OCI client can publish, and
// back from whoever holds the content.
func Example() {
	dir, err := os.MkdirTemp("", "layout")
	if err != nil {
		log.Fatal(err)
	}
	if err := errors.Join(writeAndRead(dir), os.RemoveAll(dir)); err != nil {
		log.Fatal(err)
	}
	// Output: acme/export-control 1.0.0 1 true
}

func writeAndRead(dir string) error {
	artifact, err := bundle.Pack(bundle.Source{
		Config: bundle.Config{Namespace: "acme", Name: "export-control", Version: "1.0.0", Title: "Export control"},
		Files:  []bundle.File{{Title: bundle.RulesTitle, MediaType: bundle.MediaTypeRules, Data: []byte("version: \"3.0.0\"\n")}},
	})
	if err != nil {
		return err
	}
	if err := artifact.WriteLayout(dir, "1.0.0"); err != nil {
		return err
	}
	layout, err := bundle.OpenLayout(dir)
	if err != nil {
		return err
	}
	b, err := bundle.Read(context.Background(), layout, layout.Tags()["1.0.0"])
	if err != nil {
		return err
	}
	fmt.Println(b.Config.Ref(), b.Config.Version, len(b.Files), b.Digest == artifact.Digest())
	return nil
}

// A release is chosen by the range a subscription asks for. Pre-releases are
// for those who ask for one.
func ExampleHighest() {
	var versions []bundle.Version
	for _, s := range []string{"3.0.0", "3.1.0", "3.2.0-rc.1", "4.0.0"} {
		v, err := bundle.ParseVersion(s)
		if err != nil {
			log.Fatal(err)
		}
		versions = append(versions, v)
	}
	for _, s := range []string{"^3", ">=3.2.0-0 <4", "^5"} {
		r, err := bundle.ParseRange(s)
		if err != nil {
			log.Fatal(err)
		}
		v, ok := bundle.Highest(versions, r)
		fmt.Println(s, v, ok)
	}
	// Output:
	// ^3 3.1.0 true
	// >=3.2.0-0 <4 3.2.0-rc.1 true
	// ^5  false
}

// Whatever does not keep to the format is refused with a code, before anything
// of it is used.
func ExamplePack_refused() {
	rules := bundle.File{Title: bundle.RulesTitle, MediaType: bundle.MediaTypeRules}
	_, err := bundle.Pack(bundle.Source{
		Config: bundle.Config{Namespace: "acme", Name: "export-control", Version: "1.0.0"},
		Files:  []bundle.File{rules, {Title: "../outside_test.yaml", MediaType: bundle.MediaTypeTests}},
	})
	fmt.Println(mesh.CodeOf(err))
	fmt.Println(err)
	// Output:
	// policy_invalid
	// layer 1: the title "../outside_test.yaml" is not a plain relative path
}
