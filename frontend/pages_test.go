package frontend_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/catalog/hubapi"
	"github.com/ai-agent-mesh/mesh/frontend"
)

// hostile is what a vendor might write to run a script in a visitor's browser.
const hostile = `<script>alert(1)</script>"><img src=x onerror=alert(1)>`

// shelf is a catalog with one bundle.
type shelf struct {
	asked hubapi.SearchQuery
	empty bool
}

func (s *shelf) Search(_ context.Context, q hubapi.SearchQuery) (hubapi.SearchResult, error) {
	s.asked = q
	r := hubapi.SearchResult{Items: []hubapi.Bundle{}, Facets: map[string][]hubapi.Facet{}}
	if q.Status == "nonsense" {
		return r, mesh.Errorf(mesh.CodeInvalid, "there is no status %q", q.Status)
	}
	if s.empty {
		return r, nil
	}
	r.Items, r.Total, r.Next, r.Corrected = []hubapi.Bundle{bundle}, 1, "cursor", "gdpr"
	r.Facets["framework"] = []hubapi.Facet{{Value: "gdpr", Count: 1}, {Value: "hipaa", Count: 1}}
	return r, nil
}

var bundle = hubapi.Bundle{
	Namespace: "acme", Name: "tickets", Version: "1.0.0", Digest: "sha256:aa", Title: "Tickets " + hostile, Summary: hostile,
	Frameworks: []mesh.FrameworkID{"gdpr"}, Status: hubapi.StatusVerified, PublishedAt: time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC),
}

func (s *shelf) Bundle(_ context.Context, ref mesh.BundleRef, _ string) (hubapi.BundleDetail, error) {
	if ref.Name != "tickets" {
		return hubapi.BundleDetail{}, mesh.Errorf(mesh.CodeNotFound, "there is no bundle %s", ref)
	}
	return hubapi.BundleDetail{
		Bundle: bundle, Readme: hostile, Controls: []hubapi.BoundControl{{ID: "gdpr:Art.17", Title: "Right to erasure", How: "enforced"}},
		Rules: []hubapi.RuleSummary{{ID: "one", Message: hostile}}, Versions: []hubapi.Version{{Version: "1.0.0", Status: hubapi.StatusVerified}},
		SignedBy: []hubapi.Signer{{Fingerprint: "ff"}},
	}, nil
}

func (s *shelf) Info(context.Context) hubapi.HubInfo {
	return hubapi.HubInfo{Version: "1", Bundles: 1, Ready: true}
}

// page is a rendered page, parsed.
type page struct {
	*httptest.ResponseRecorder
	root *html.Node
}

func open(t *testing.T, s *shelf, target string) page {
	t.Helper()
	pages, err := frontend.New(s)
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, target, nil)
	r.Header.Set("Accept", "text/html,application/xhtml+xml,*/*;q=0.8") // as browsers do
	pages.ServeHTTP(w, r)
	root, err := html.Parse(strings.NewReader(w.Body.String()))
	if err != nil {
		t.Fatal(err)
	}
	return page{w, root}
}

// all returns the elements with a name.
func (p page) all(name string) (out []*html.Node) {
	for n := range p.root.Descendants() {
		if n.Type == html.ElementNode && n.Data == name {
			out = append(out, n)
		}
	}
	return out
}

func attr(n *html.Node, name string) (string, bool) {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val, true
		}
	}
	return "", false
}

func text(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			b.WriteString(d.Data)
		}
	}
	return strings.TrimSpace(b.String())
}

var targets = []string{"/", "/?q=gpdr&framework=gdpr", "/bundles/acme/tickets", "/bundles/acme/nothing", "/nothing", "/?status=nonsense"}

// TestPagesAreSafe: what vendors write is text, and the page loads and runs
// nothing but its own style sheet.
func TestPagesAreSafe(t *testing.T) {
	t.Parallel()
	for _, target := range targets {
		p := open(t, &shelf{}, target)
		csp := p.Header().Get("Content-Security-Policy")
		if !strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") {
			t.Errorf("%s: policy %q", target, csp)
		}
		for _, name := range []string{"script", "iframe", "object", "embed", "img", "style"} {
			if found := p.all(name); len(found) > 0 {
				t.Errorf("%s: %d <%s>", target, len(found), name)
			}
		}
		for n := range p.root.Descendants() {
			for _, a := range n.Attr {
				if strings.HasPrefix(a.Key, "on") || a.Key == "style" {
					t.Errorf("%s: <%s %s=%q>", target, n.Data, a.Key, a.Val)
				}
				if (a.Key == "href" || a.Key == "src") && !strings.HasPrefix(a.Val, "/") && !strings.HasPrefix(a.Val, "#") && a.Val != "data:," {
					t.Errorf("%s: <%s> points to %q", target, n.Data, a.Val)
				}
			}
		}
	}
}

// TestPagesAreAccessible checks what a machine can check (WCAG 2.2).
func TestPagesAreAccessible(t *testing.T) {
	t.Parallel()
	for _, target := range targets {
		p := open(t, &shelf{}, target)
		if lang, _ := attr(p.all("html")[0], "lang"); lang != "en" {
			t.Errorf("%s: language %q", target, lang)
		}
		if titles := p.all("title"); len(titles) != 1 || text(titles[0]) == "" {
			t.Errorf("%s: no title", target)
		}
		if n := len(p.all("h1")); n != 1 {
			t.Errorf("%s: %d headings of the first level", target, n)
		}
		if len(p.all("main")) != 1 || len(p.all("nav")) != 1 {
			t.Errorf("%s: landmarks are missing", target)
		}
		ids := map[string]bool{}
		for n := range p.root.Descendants() {
			if id, ok := attr(n, "id"); ok {
				if ids[id] {
					t.Errorf("%s: id %q twice", target, id)
				}
				ids[id] = true
			}
		}
		for n := range p.root.Descendants() {
			for _, reference := range []string{"for", "aria-labeledby"} {
				if id, ok := attr(n, reference); ok && !ids[id] {
					t.Errorf("%s: %s points to %q, which is not there", target, reference, id)
				}
			}
		}
		for _, input := range p.all("input") {
			if kind, _ := attr(input, "type"); kind == "hidden" {
				continue
			}
			id, _ := attr(input, "id")
			labeled := false
			for _, l := range p.all("label") {
				f, _ := attr(l, "for")
				labeled = labeled || f == id
			}
			if !labeled {
				t.Errorf("%s: input %q has no label", target, id)
			}
		}
		for _, a := range p.all("a") {
			if text(a) == "" {
				t.Errorf("%s: a link without words", target)
			}
		}
	}
}

func TestHomeSearches(t *testing.T) {
	t.Parallel()
	s := &shelf{}
	p := open(t, s, "/?q=gpdr&framework=gdpr&cursor=c")
	if s.asked.Text != "gpdr" || s.asked.Framework != "gdpr" || s.asked.Cursor != "c" {
		t.Errorf("asked for %+v", s.asked)
	}
	body := p.Body.String()
	for _, want := range []string{"1 bundle found", "<strong>gdpr</strong>", "acme/tickets", "verified"} {
		if !strings.Contains(body, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	links := map[string]string{}
	for _, a := range p.all("a") {
		links[text(a)], _ = attr(a, "href")
	}
	if links["More bundles"] != "/?cursor=cursor&framework=gdpr&q=gpdr" {
		t.Errorf("the next page is %q", links["More bundles"])
	}
	if links["gdpr"] != "/?q=gpdr" || links["hipaa"] != "/?framework=hipaa&q=gpdr" {
		t.Errorf("facets lead to %q and %q", links["gdpr"], links["hipaa"])
	}
	if links["API document"] != "/openapi.json" {
		t.Errorf("the API document is at %q", links["API document"])
	}
	for _, target := range []string{"/", "/?q=x"} {
		if empty := open(t, &shelf{empty: true}, target); empty.Code != http.StatusOK || len(empty.all("h1")) != 1 {
			t.Errorf("%s without bundles: %d", target, empty.Code)
		}
	}
}

func TestStatusOfPages(t *testing.T) {
	t.Parallel()
	for target, want := range map[string]int{
		"/": http.StatusOK, "/bundles/acme/tickets": http.StatusOK, "/bundles/acme/nothing": http.StatusNotFound,
		"/bundles/Acme/x": http.StatusBadRequest, "/nothing": http.StatusNotFound, "/?status=nonsense": http.StatusBadRequest,
	} {
		if p := open(t, &shelf{}, target); p.Code != want {
			t.Errorf("%s: %d, want %d", target, p.Code, want)
		}
	}
}

// A program that asks for what is not there gets what it can read.
func TestProgramsGetProblems(t *testing.T) {
	t.Parallel()
	pages, err := frontend.New(&shelf{})
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		method, target, accept string
		status                 int
		contentType            string
	}{
		{http.MethodGet, "/nothing", "*/*", http.StatusNotFound, "application/problem+json"},
		{http.MethodGet, "/nothing", "text/html,*/*;q=0.8", http.StatusNotFound, "text/html; charset=utf-8"},
		{http.MethodGet, "/", "*/*", http.StatusOK, "text/html; charset=utf-8"},
		{http.MethodPost, "/", "*/*", http.StatusMethodNotAllowed, "application/problem+json"},
		{http.MethodDelete, "/bundles/acme/tickets", "*/*", http.StatusMethodNotAllowed, "application/problem+json"},
	} {
		r := httptest.NewRequestWithContext(t.Context(), tc.method, tc.target, nil)
		r.Header.Set("Accept", tc.accept)
		w := httptest.NewRecorder()
		pages.ServeHTTP(w, r)
		if w.Code != tc.status || w.Header().Get("Content-Type") != tc.contentType {
			t.Errorf("%s %s for %s: %d %s", tc.method, tc.target, tc.accept, w.Code, w.Header().Get("Content-Type"))
		}
	}
}

func TestStyleSheet(t *testing.T) {
	t.Parallel()
	p := open(t, &shelf{}, "/")
	var path string
	for _, l := range p.all("link") {
		if rel, _ := attr(l, "rel"); rel == "stylesheet" {
			path, _ = attr(l, "href")
		}
	}
	css := open(t, &shelf{}, path)
	if css.Code != http.StatusOK || !strings.HasPrefix(css.Header().Get("Content-Type"), "text/css") || !strings.Contains(css.Header().Get("Cache-Control"), "immutable") {
		t.Errorf("%s: %d %v", path, css.Code, css.Header())
	}
	for _, want := range []string{"prefers-color-scheme: dark", ":focus-visible"} {
		if !strings.Contains(css.Body.String(), want) {
			t.Errorf("the style sheet lacks %s", want)
		}
	}
}
