// Package config loads a configuration file that is made of sections, each
// owned by the package it configures.
//
// A [Section] knows its key, its defaults and what is valid; the loader knows
// none of that. [Load] reads the file strictly: an unknown or repeated key and
// a value of the wrong type are findings with file, line and column, and all
// of them are reported at once. The caller then lays environment and flags
// over the sections, and [File.Finish] fills defaults and validates.
// [File.Effective] prints what is in force, without secrets.
//
// The form is YAML 1.2: a mapping from section keys to sections, whose fields
// carry yaml tags. A field with the tag `secret:"true"` is never printed.
package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine/spelling"
)

// MaxFileBytes bounds a configuration file.
const MaxFileBytes = 1 << 20

// Section is a part of the configuration, implemented by a pointer to a struct
// whose exported fields carry yaml tags.
type Section interface {
	// Key is the section's name in the file.
	Key() string
	// SetDefaults fills what is empty.
	SetDefaults()
	// Validate reports everything that is wrong. A message that begins with the
	// dotted key of a field ("hub.listen: …") gets the field's position in the
	// file if it was set there.
	Validate() []mesh.Finding
}

// Other is the section of another program, by its key: one file may serve
// several. What it holds is checked by the program that it is for.
type Other string

// Key returns the name of the section.
func (o Other) Key() string { return string(o) }

// SetDefaults does nothing.
func (Other) SetDefaults() {}

// Validate finds nothing.
func (Other) Validate() []mesh.Finding { return nil }

// File is a configuration that was read. It is not safe for concurrent use.
type File struct {
	name      string
	sections  []Section
	positions map[string]mesh.Position // by dotted key
}

// Load reads a file into the sections. An empty name means no file. The error
// is a [*mesh.Error]: [mesh.CodeNotFound] for a missing file and
// [mesh.CodeInvalid] with the findings.
func Load(name string, sections ...Section) (*File, error) {
	f := &File{name: name, sections: sections, positions: map[string]mesh.Position{}}
	if name == "" {
		return f, nil
	}
	src, err := read(name)
	if err != nil {
		return nil, err
	}
	if findings := f.decode(src); len(findings) > 0 {
		return nil, invalid(name, findings)
	}
	return f, nil
}

func read(name string) ([]byte, error) {
	file, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, mesh.Errorf(mesh.CodeNotFound, "configuration file %s does not exist", name).
			WithHint("check --config, or leave it out for the embedded defaults")
	}
	if err != nil {
		return nil, fmt.Errorf("opening the configuration: %w", err)
	}
	defer func() { _ = file.Close() }()
	src, err := io.ReadAll(io.LimitReader(file, MaxFileBytes+1))
	if err != nil {
		return nil, mesh.Errorf(mesh.CodeInvalid, "reading configuration file %s: %w", name, err)
	}
	if len(src) > MaxFileBytes {
		return nil, mesh.Errorf(mesh.CodeTooLarge, "configuration file %s is larger than %d bytes", name, MaxFileBytes)
	}
	return src, nil
}

func invalid(name string, findings []mesh.Finding) error {
	what := "the configuration"
	if name != "" {
		what += " " + name
	}
	return mesh.Errorf(mesh.CodeInvalid, "%s is not valid: %s", what, count(len(findings))).WithFindings(findings)
}

func count(n int) string {
	if n == 1 {
		return "1 problem"
	}
	return fmt.Sprintf("%d problems", n)
}

// decode fills the sections and returns everything that is wrong.
func (f *File) decode(src []byte) []mesh.Finding {
	var doc yaml.Node
	dec := yaml.NewDecoder(bytes.NewReader(src))
	if err := dec.Decode(&doc); errors.Is(err, io.EOF) {
		return nil
	} else if err != nil {
		return []mesh.Finding{f.syntaxError(err)}
	}
	if err := dec.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return []mesh.Finding{f.finding(&doc, "documents", "", "the file holds more than one YAML document")}
	}
	root := doc.Content[0]
	if root.Kind == yaml.ScalarNode && root.Tag == "!!null" {
		return nil
	}
	if root.Kind != yaml.MappingNode {
		return []mesh.Finding{f.finding(root, "type", "", "the file must be a mapping from sections to their settings")}
	}
	d := &decoder{file: f}
	byKey := map[string]Section{}
	var keys []string
	for _, s := range f.sections {
		byKey[s.Key()] = s
		keys = append(keys, s.Key())
	}
	d.mapping(root, "", func(key string, keyNode, value *yaml.Node) {
		section, ok := byKey[key]
		if !ok {
			d.report(keyNode, "unknown-key", spelling.DidYouMean(key, keys), "unknown section %q", key)
			return
		}
		if _, other := section.(Other); !other {
			d.section(value, key, section)
		}
	})
	return d.findings
}

// syntaxError positions what the YAML parser says, which names a line only.
func (f *File) syntaxError(err error) mesh.Finding {
	message := strings.TrimPrefix(err.Error(), "yaml: ")
	pos := mesh.Position{File: f.name}
	if _, scanErr := fmt.Sscanf(message, "line %d:", &pos.Line); scanErr == nil {
		_, message, _ = strings.Cut(message, ": ")
		pos.Column = 1
	}
	return mesh.Finding{Position: pos, Level: mesh.LevelError, Rule: "yaml-syntax", Message: message}
}

func (f *File) finding(n *yaml.Node, rule, hint, message string) mesh.Finding {
	return mesh.Finding{
		Position: mesh.Position{File: f.name, Line: n.Line, Column: n.Column},
		Level:    mesh.LevelError, Rule: rule, Message: message, Hint: hint,
	}
}

// Finish fills the defaults of every section and validates it. It is called
// once environment and flags have been applied. The error has
// [mesh.CodeInvalid] and all findings of all sections.
func (f *File) Finish() error {
	var findings []mesh.Finding
	for _, s := range f.sections {
		s.SetDefaults()
		for _, finding := range s.Validate() {
			if finding.Position == (mesh.Position{}) {
				key, _, _ := strings.Cut(finding.Message, ":")
				finding.Position = f.positions[key]
			}
			findings = append(findings, finding)
		}
	}
	if mesh.HasErrors(findings) {
		return invalid(f.name, findings)
	}
	return nil
}
