package trust_test

import (
	"context"
	"fmt"
	"log"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/registry/sign"
	"github.com/ai-agent-mesh/mesh/registry/trust"
)

// A vendor's key is trusted for the vendor's namespace, and for no other.
func Example() {
	ctx := context.Background()
	vendor, err := sign.GenerateKey(nil)
	if err != nil {
		log.Fatal(err)
	}
	const digest = mesh.Digest("sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae")
	signature, err := sign.Sign(ctx, vendor, digest)
	if err != nil {
		log.Fatal(err)
	}

	policy, err := trust.TrustKeys("acme/**", vendor.PublicKeyPEM())
	if err != nil {
		log.Fatal(err)
	}
	for _, name := range []string{"acme/export-control", "mesh/gdpr"} {
		ref, err := mesh.ParseBundleRef(name)
		if err != nil {
			log.Fatal(err)
		}
		verdict, err := policy.Verify(ctx, trust.Subject{Bundle: ref, Digest: digest}, []trust.Signature{{Bundle: signature}})
		if err != nil {
			fmt.Println(name, mesh.CodeOf(err))
			continue
		}
		fmt.Println(name, "accepted for", verdict.Accepted[0].Policy)
	}
	// Output:
	// acme/export-control accepted for acme/**
	// mesh/gdpr signature_refused
}
