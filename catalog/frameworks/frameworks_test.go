package frameworks_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/catalog/frameworks"
)

func load(t testing.TB) *frameworks.Catalog {
	t.Helper()
	c, err := frameworks.Load()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// shared returns the folder of the project's reference data.
func shared(t testing.TB) string {
	t.Helper()
	dir := os.Getenv("MESH_SHARED")
	if dir == "" {
		t.Skip("MESH_SHARED is not set: the reference lists of the frameworks are not compared")
	}
	return dir
}

func TestFrameworksAreComplete(t *testing.T) {
	t.Parallel()
	// The counts are those of the published texts: 99 articles, 41 sections
	// and 68 standards and specifications, 61 criteria, 323 controls, 93
	// controls, 7 rights and 37 sections, 113 articles, 72 subcategories, …
	want := map[mesh.FrameworkID]int{
		"gdpr": 99, "hipaa": 109, "soc2": 61, "fedramp-moderate": 323, "iso27001": 93, "ccpa": 44,
		"eu-ai-act": 113, "nist-ai-rmf": 72, "nist-ai-600-1": 12, "owasp-llm": 10, "owasp-agentic": 27,
		"iso42001": 38, "nis2": 12, "dora": 64, "pci-dss": 313,
	}
	c := load(t)
	got := map[mesh.FrameworkID]int{}
	for _, f := range c.Frameworks() {
		got[f.ID] = len(c.Controls(f.ID))
		if f.Title == "" || f.Edition == "" || f.License == "" || f.Source == "" {
			t.Errorf("%s: title, edition, license and source must all be stated: %+v", f.ID, f)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("number of controls (-want +got):\n%s", diff)
	}
}

func TestControlsHaveNames(t *testing.T) {
	t.Parallel()
	c := load(t)
	for _, f := range c.Frameworks() {
		for _, control := range c.Controls(f.ID) {
			if control.Name() == "" {
				t.Errorf("%s has neither title nor topic", control.ID)
			}
			if got, ok := c.Control(control.ID); !ok || got.ID != control.ID {
				t.Errorf("Control(%s) = %v, %v", control.ID, got.ID, ok)
			}
		}
	}
}

func TestCopyrightedTitlesAreLeftOut(t *testing.T) {
	t.Parallel()
	c := load(t)
	for _, id := range []mesh.FrameworkID{"soc2", "iso27001", "iso42001", "pci-dss"} {
		for _, control := range c.Controls(id) {
			if control.Title != "" {
				t.Errorf("%s carries the title %q", control.ID, control.Title)
			}
		}
	}
}

// TestReferenceLists compares every identifier, and what is said about it,
// with the project's reference lists.
func TestReferenceLists(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(shared(t), "data")
	for id, file := range map[mesh.FrameworkID]string{
		"gdpr": "gdpr.json", "hipaa": "hipaa_45cfr164.json", "soc2": "soc2_tsc.json",
		"fedramp-moderate": "fedramp_rev5_moderate.json", "iso27001": "iso27001_2022_annex_a.json",
		"ccpa": "ccpa_cpra.json", "eu-ai-act": "eu_ai_act.json", "nist-ai-rmf": "nist_ai_rmf.json",
		"nist-ai-600-1": "nist_ai_600_1.json", "owasp-llm": "owasp_llm_top10_2025.json",
		"owasp-agentic": "owasp_agentic.json", "iso42001": "iso42001_annex_a.json", "nis2": "nis2.json",
		"dora": "dora.json", "pci-dss": "pci_dss_4.json",
	} {
		t.Run(string(id), func(t *testing.T) {
			t.Parallel()
			type row struct {
				ID, Parent             string
				Addressee, Enforcement string
			}
			var reference struct{ Controls []row }
			raw, err := os.ReadFile(filepath.Join(dir, file))
			if err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal(raw, &reference); err != nil {
				t.Fatal(err)
			}
			c := load(t)
			var got []row
			for _, control := range c.Controls(id) {
				got = append(got, row{control.ID.Local(), control.Parent, string(control.Addressee), string(control.Enforcement)})
				if resolved, ok := c.Resolve(id, control.ID.Local()); !ok || resolved != control.ID {
					t.Errorf("Resolve(%s, %q) = %q, %v", id, control.ID.Local(), resolved, ok)
				}
			}
			if diff := cmp.Diff(reference.Controls, got); diff != "" {
				t.Errorf("controls (-reference +embedded):\n%s", diff)
			}
		})
	}
}

func TestFrameworkID(t *testing.T) {
	t.Parallel()
	c := load(t)
	for label, want := range map[string]mesh.FrameworkID{
		"GDPR": "gdpr", "gdpr": "gdpr", "Regulation (EU) 2016/679": "gdpr",
		"HIPAA": "hipaa", "45 CFR Part 164": "hipaa",
		"SOC 2 Type II": "soc2", "soc 2": "soc2", "SOC2": "soc2",
		"FedRAMP": "fedramp-moderate", "FEDRAMP MODERATE": "fedramp-moderate",
		"ISO 27001": "iso27001", "iso/iec 27001:2022": "iso27001",
		"CCPA/CPRA": "ccpa", "cpra": "ccpa",
		"EU AI Act": "eu-ai-act", "PCI DSS": "pci-dss", "DORA": "dora", "NIS 2": "nis2",
		"acme-internal": "", "": "", "ISO 27001:2013": "",
	} {
		got, ok := c.FrameworkID(label)
		if got != want || ok != (want != "") {
			t.Errorf("FrameworkID(%q) = %q, %v; want %q", label, got, ok, want)
		}
		if c.Known(mesh.FrameworkID(label)) != ok {
			t.Errorf("Known(%q) differs from FrameworkID", label)
		}
	}
}

func TestResolve(t *testing.T) {
	t.Parallel()
	tests := []struct {
		framework mesh.FrameworkID
		label     string
		want      mesh.ControlID // empty: does not resolve
	}{
		{"gdpr", "Art.17", "gdpr:Art.17"},
		{"gdpr", "Article 17(2)", "gdpr:Art.17"},
		{"gdpr", "art 17", "gdpr:Art.17"},
		{"GDPR", "Art.17(2)", "gdpr:Art.17"},
		{"gdpr", "17", "gdpr:Art.17"},
		{"gdpr", "gdpr:Art. 6(1)(f)", "gdpr:Art.6"},
		{"", "GDPR: Article 6", "gdpr:Art.6"},
		{"gdpr", "Article 6, paragraph 1, point (a)", "gdpr:Art.6"},
		{"gdpr", "Art. 6 Abs. 1 lit. a", "gdpr:Art.6"},
		{"gdpr", "Art. 4 No. 7", "gdpr:Art.4"},
		{"gdpr", "Art. 100", ""},
		{"gdpr", "Art. 0", ""},
		{"gdpr", "Chapter II", ""},
		{"gdpr", "Art. 17 and 18", ""},
		{"gdpr", "hipaa:164.312", ""},
		{"gdpr", "", ""},
		{"gdpr", "Art. 17!", ""},
		{"", "Art. 17", ""},
		{"acme", "Art. 17", ""},

		{"hipaa", "164.312(e)(1)", "hipaa:164.312(e)(1)"},
		{"hipaa", "§164.312(e)(1)", "hipaa:164.312(e)(1)"},
		{"HIPAA", "45 CFR § 164.312(E)(1)", "hipaa:164.312(e)(1)"},
		{"hipaa", "45 C.F.R. 164.308(a)(1)(ii)(A)", "hipaa:164.308(a)(1)(ii)(A)"},
		{"hipaa", "164.312(e)", "hipaa:164.312(e)(1)"},
		{"hipaa", "164.312(e)(2)", "hipaa:164.312(e)(1)"},
		{"hipaa", "164.308(a)(1)", "hipaa:164.308(a)(1)(i)"},
		{"hipaa", "164.308(a)", "hipaa:164.308"},
		{"hipaa", "164.502(b)(1)", "hipaa:164.502"},
		{"hipaa", "164.312(z)", ""},
		{"hipaa", "164.312(e)(9)", ""},
		{"hipaa", "164", ""},
		{"hipaa", "164.999", ""},

		{"fedramp-moderate", "AC-2(1)", "fedramp-moderate:ac-2.1"},
		{"fedramp-moderate", "ac-2.1", "fedramp-moderate:ac-2.1"},
		{"FedRAMP", "AC-02 (01)", "fedramp-moderate:ac-2.1"},
		{"FedRAMP", "NIST SP 800-53 AC-2", "fedramp-moderate:ac-2"},
		{"FedRAMP", "AC-2a.", "fedramp-moderate:ac-2"},
		{"FedRAMP", "AC-2(6)", ""},
		{"FedRAMP", "AC", ""},

		{"SOC 2 Type II", "CC6.1", "soc2:CC6.1"},
		{"soc2", "cc 6.1", "soc2:CC6.1"},
		{"soc2", "CC6.99", ""},

		{"iso27001", "A.5.1", "iso27001:A.5.1"},
		{"ISO 27001", "Annex A 8.24", "iso27001:A.8.24"},
		{"iso27001", "A.8.24.1", ""},
		{"iso27001", "Clause 5.1", ""},
		{"iso27001", "A.5", ""},

		{"ccpa", "Cal. Civ. Code § 1798.105(a)", "ccpa:CCC-1798.105"},
		{"ccpa", "1798.105", "ccpa:CCC-1798.105"},
		{"ccpa", "1798.199.40", "ccpa:CCC-1798.199.10-1798.199.100"},
		{"ccpa", "1798.199", "ccpa:CCC-1798.199"},
		{"ccpa", "1798.199.5", ""},
		{"ccpa", "11 CCR § 7025", "ccpa:11CCR-7025"},
		{"ccpa", "11 CCR 7121(b)", "ccpa:11CCR-7120-7124"},
		{"ccpa", "R1", "ccpa:R1"},

		{"nist-ai-rmf", "GV-1.1", "nist-ai-rmf:GOVERN 1.1"},
		{"nist-ai-rmf", "measure 2.11", "nist-ai-rmf:MEASURE 2.11"},
		{"owasp-llm", "LLM01", "owasp-llm:LLM01:2025"},
		{"owasp-llm", "owasp-llm:LLM01:2025", "owasp-llm:LLM01:2025"},
		{"owasp-agentic", "asi 3", "owasp-agentic:ASI03"},
		{"nis2", "Article 21(2)(a)", "nis2:Art.21(2)(a)"},
		{"nis2", "Art. 21", ""},
		{"pci-dss", "Requirement 8.3.1", "pci-dss:8.3.1"},
		{"eu-ai-act", "Art. 50(2)", "eu-ai-act:Art.50"},
	}
	c := load(t)
	for _, tt := range tests {
		got, ok := c.Resolve(tt.framework, tt.label)
		if got != tt.want || ok != (tt.want != "") {
			t.Errorf("Resolve(%q, %q) = %q, %v; want %q", tt.framework, tt.label, got, ok, tt.want)
		}
	}
}

// TestFrameworkNames holds that every name leads to a framework.
func TestFrameworkNames(t *testing.T) {
	t.Parallel()
	c := load(t)
	names := c.FrameworkNames()
	if !slices.Contains(names, "gdpr") || len(names) <= len(c.Frameworks()) {
		t.Errorf("names: %v", names)
	}
	for _, name := range names {
		if !c.Known(mesh.FrameworkID(name)) {
			t.Errorf("%s is the name of no framework", name)
		}
	}
}

func TestNearest(t *testing.T) {
	t.Parallel()
	tests := []struct {
		framework mesh.FrameworkID
		label     string
		want      string
	}{
		{"hipaa", "164.312(e)(9)", "hipaa:164.312(e)(1)"},
		{"FedRAMP", "AC-2(6)", "fedramp-moderate:ac-2.1"},
		{"soc2", "CD6.1", "soc2:CC6.1"},
		{"gdpr", "nonsense", ""},
		{"acme", "Art. 17", ""},
	}
	c := load(t)
	for _, tt := range tests {
		if got := c.Nearest(tt.framework, tt.label); got != tt.want {
			t.Errorf("Nearest(%q, %q) = %q; want %q", tt.framework, tt.label, got, tt.want)
		}
	}
}

func FuzzResolve(f *testing.F) {
	for _, label := range []string{
		"Article 17(2)", "AC-2(1)", "§164.312(e)(1)", "11 CCR 7121", "LLM01:2025", "gdpr:Art.6", "GV-1.1", "A.5.1", "1798.199.10", "((((", "00", "ⅷ",
	} {
		f.Add("gdpr", label)
		f.Add("hipaa", label)
		f.Add("ccpa", label)
		f.Add("", label)
	}
	c := load(f)
	f.Fuzz(func(t *testing.T, framework, label string) {
		id, ok := c.Resolve(mesh.FrameworkID(framework), label)
		if !ok {
			if id != "" {
				t.Errorf("Resolve(%q, %q) failed and still returned %q", framework, label, id)
			}
			if near := c.Nearest(mesh.FrameworkID(framework), label); near != "" {
				if _, ok := c.Control(mesh.ControlID(near)); !ok {
					t.Errorf("Nearest(%q, %q) = %q, which is not in the catalog", framework, label, near)
				}
			}
			return
		}
		if _, known := c.Control(id); !known {
			t.Fatalf("Resolve(%q, %q) = %q, which is not in the catalog", framework, label, id)
		}
		again, ok := c.Resolve(id.Framework(), id.Local())
		if !ok || again != id {
			t.Errorf("Resolve(%q, %q) = %q, but that resolves to %q, %v", framework, label, id, again, ok)
		}
	})
}
