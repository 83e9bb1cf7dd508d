// Command convert writes the control lists that package frameworks embeds
// (data/controls/*.json) from the project's reference lists of compliance
// frameworks.
//
// It reads the folder "data" below $MESH_SHARED and is run by
// "go generate ./catalog/frameworks" whenever those lists change; without
// MESH_SHARED it leaves everything as it is. What it
// takes over are facts: identifiers, short titles where the publisher's
// licence allows repeating them, the place in the framework, who is addressed
// and how the duty can be met. Where titles are copyrighted (see the licence
// in data/frameworks.json) they are dropped, whatever the list says, and
// topics in the project's own words stand in. The output is deterministic;
// every file is replaced as a whole.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/ai-agent-mesh/mesh"
)

// list says where one framework's controls come from.
type list struct {
	framework mesh.FrameworkID
	file      string
	// copyrighted drops every title of the list.
	copyrighted bool
	// amend completes a row with what the list does not say; may be nil.
	amend func(*row)
}

var lists = []list{
	{framework: "gdpr", file: "gdpr.json"},
	{framework: "hipaa", file: "hipaa_45cfr164.json", amend: amendHIPAA},
	{framework: "soc2", file: "soc2_tsc.json", copyrighted: true},
	{framework: "fedramp-moderate", file: "fedramp_rev5_moderate.json"},
	{framework: "iso27001", file: "iso27001_2022_annex_a.json", copyrighted: true},
	{framework: "ccpa", file: "ccpa_cpra.json", amend: amendCCPA},
	{framework: "eu-ai-act", file: "eu_ai_act.json"},
	{framework: "nist-ai-rmf", file: "nist_ai_rmf.json"},
	{framework: "nist-ai-600-1", file: "nist_ai_600_1.json"},
	{framework: "owasp-llm", file: "owasp_llm_top10_2025.json", amend: amendOWASP},
	{framework: "owasp-agentic", file: "owasp_agentic.json"},
	{framework: "iso42001", file: "iso42001_annex_a.json", copyrighted: true},
	{framework: "nis2", file: "nis2.json"},
	{framework: "dora", file: "dora.json"},
	{framework: "pci-dss", file: "pci_dss_4.json", copyrighted: true, amend: amendPCI},
}

// row is one control as written; its tags are those of frameworks.Control.
type row struct {
	ID          string   `json:"id"`
	Label       string   `json:"label,omitzero"`
	Aliases     []string `json:"aliases,omitzero"`
	Title       string   `json:"title,omitzero"`
	Topic       string   `json:"topic,omitzero"`
	Parent      string   `json:"parent,omitzero"`
	Kind        string   `json:"kind,omitzero"`
	Addressee   string   `json:"addressee"`
	Enforcement string   `json:"enforcement"`
	Requirement string   `json:"requirement,omitzero"`
	Citation    string   `json:"citation,omitzero"`
	Inherited   bool     `json:"inherited,omitzero"`
	First       string   `json:"first,omitzero"`
	Last        string   `json:"last,omitzero"`
	Note        string   `json:"note,omitzero"`
}

// source is a reference list, as far as it is read here.
type source struct {
	Controls []struct {
		ID          string `json:"id"`
		Label       string `json:"label"`
		Title       string `json:"title"`
		Topic       string `json:"topic"`
		Parent      string `json:"parent"`
		Kind        string `json:"kind"`
		Addressee   string `json:"addressee"`
		Enforcement string `json:"enforcement"`
		Spec        string `json:"spec"`
		CivilCode   string `json:"civil_code"`
		Inherited   bool   `json:"inherited"`
	} `json:"controls"`
}

func main() {
	shared := os.Getenv("MESH_SHARED")
	if shared == "" {
		fmt.Fprintln(os.Stderr, "convert: MESH_SHARED is not set; the control lists stay as they are")
		return
	}
	if err := run(shared, filepath.Join("data", "controls")); err != nil {
		fmt.Fprintln(os.Stderr, "convert:", err)
		os.Exit(1)
	}
}

func run(shared, out string) error {
	if err := os.MkdirAll(out, 0o755); err != nil {
		return fmt.Errorf("creating the output folder: %w", err)
	}
	for _, l := range lists {
		if err := convert(l, filepath.Join(shared, "data", l.file), filepath.Join(out, string(l.framework)+".json")); err != nil {
			return fmt.Errorf("converting %s: %w", l.framework, err)
		}
	}
	return nil
}

func convert(l list, from, to string) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return fmt.Errorf("reading the list: %w", err)
	}
	var src source
	if err := json.Unmarshal(data, &src); err != nil {
		return fmt.Errorf("decoding %s: %w", from, err)
	}
	rows := make([]row, 0, len(src.Controls))
	for _, c := range src.Controls {
		r := row{
			ID: c.ID, Label: c.Label, Title: c.Title, Topic: c.Topic, Parent: c.Parent, Kind: c.Kind,
			Addressee: c.Addressee, Enforcement: c.Enforcement,
			Requirement: c.Spec, Citation: c.CivilCode, Inherited: c.Inherited,
		}
		if l.copyrighted {
			r.Title = ""
		}
		if l.amend != nil {
			l.amend(&r)
		}
		rows = append(rows, r)
	}
	return write(to, rows)
}

// write puts one control on each line, so that a change of a list reads as a
// change of lines.
func write(file string, rows []row) error {
	var b bytes.Buffer
	b.WriteString("[\n")
	for i, r := range rows {
		line, err := marshal(r)
		if err != nil {
			return fmt.Errorf("encoding %s: %w", r.ID, err)
		}
		b.Write(line)
		if i < len(rows)-1 {
			b.WriteByte(',')
		}
		b.WriteByte('\n')
	}
	b.WriteString("]\n")
	if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil {
		return fmt.Errorf("writing the controls: %w", err)
	}
	return nil
}

// marshal is json.Marshal without the escaping of HTML, which makes titles
// with & or quotes hard to read.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimRight(b.Bytes(), "\n"), nil
}
