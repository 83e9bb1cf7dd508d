package api

import (
	"bytes"
	_ "embed" // for the committed document
	"encoding/json"
	"fmt"

	"github.com/danielgtaylor/huma/v2"
)

// The document is written by the test that compares it.
//go:generate go test -run TestDocument$ -update .

// apiVersion is the version of the API's contract, not of the program.
const apiVersion = "1.0.0"

//go:embed openapi.json
var committed []byte

// Document returns the OpenAPI document as it is committed, for programs that
// print it without a hub.
func Document() []byte { return bytes.Clone(committed) }

// describe completes the document and encodes it.
func describe(doc *huma.OpenAPI) ([]byte, error) {
	doc.Info.Description = "Bundles, frameworks, runtimes and evidence of an AI-Agent Mesh hub. " +
		"Errors are problem details (RFC 9457) whose `code` programs look at and whose `hint` says what to do. " +
		"Lists are pages: pass `next` as `cursor`. GET answers carry an ETag; POST requests may carry an " +
		"Idempotency-Key, and are then answered once: the same key with the same body within 24 hours gets the same answer."
	doc.Info.License = &huma.License{Name: "Apache-2.0", Identifier: "Apache-2.0"}
	doc.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"token": {Type: "http", Scheme: "bearer", Description: "an administrator's or a runtime's token"},
	}
	// Public bundles and frameworks are readable without.
	doc.Security = []map[string][]string{{}, {"token": {}}}
	schemas := doc.Components.Schemas.Map()
	// huma's own form of errors is never sent.
	delete(schemas, "ErrorModel")
	delete(schemas, "ErrorDetail")
	for _, s := range schemas {
		neverNull(s)
	}
	for _, item := range doc.Paths {
		if item.Post != nil {
			item.Post.Parameters = append(item.Post.Parameters, &huma.Param{
				Name: headerIdempotencyKey, In: "header", Description: "makes it safe to send the request again",
				Schema: &huma.Schema{Type: "string", MaxLength: new(int(maxKeyLength))},
			})
		}
	}
	raw, err := doc.MarshalJSON()
	if err != nil {
		return nil, fmt.Errorf("encoding the OpenAPI document: %w", err)
	}
	var out bytes.Buffer
	if err := json.Indent(&out, raw, "", "  "); err != nil {
		return nil, fmt.Errorf("formatting the OpenAPI document: %w", err)
	}
	out.WriteByte('\n')
	return out.Bytes(), nil
}

// neverNull takes back what huma assumes of Go's slices and pointers: on the
// wire a list is never null, and what is not there is left out.
func neverNull(s *huma.Schema) {
	if s == nil {
		return
	}
	s.Nullable = false
	neverNull(s.Items)
	for _, p := range s.Properties {
		neverNull(p)
	}
	if extra, ok := s.AdditionalProperties.(*huma.Schema); ok {
		neverNull(extra)
	}
}
