package frontend

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/catalog/hubapi"
	"github.com/ai-agent-mesh/mesh/internal/httpx"
)

// securityPolicy allows the page its own style sheet and forms, and nothing
// else: no script, no frame, nothing from elsewhere.
const securityPolicy = "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// styleAge is how long a style sheet may be cached: its name changes with its
// content.
const styleAge = 365 * 24 * time.Hour

// pageSize is how many bundles a page lists.
const pageSize = 25

// Catalog answers what the pages show. It answers for everybody: only what is
// public.
type Catalog interface {
	// Search finds bundles; a query that makes no sense is
	// [mesh.CodeInvalid].
	Search(ctx context.Context, q hubapi.SearchQuery) (hubapi.SearchResult, error)
	// Bundle returns a release, the newest listed one if version is empty.
	// [mesh.CodeNotFound] if there is none.
	Bundle(ctx context.Context, ref mesh.BundleRef, version string) (hubapi.BundleDetail, error)
	// Info says which hub this is.
	Info(ctx context.Context) hubapi.HubInfo
}

// Pages is the handler. It is safe for concurrent use.
type Pages struct {
	catalog   Catalog
	mux       *http.ServeMux
	templates map[string]*template.Template
	style     []byte
	stylePath string
}

// New parses the templates. An error means that this build is broken.
func New(c Catalog) (*Pages, error) {
	p := &Pages{catalog: c, mux: http.NewServeMux(), templates: map[string]*template.Template{}}
	var err error
	if p.style, err = files.ReadFile("shared/style.css"); err != nil {
		return nil, fmt.Errorf("reading the style sheet: %w", err)
	}
	sum := sha256.Sum256(p.style)
	p.stylePath = "/assets/style." + hex.EncodeToString(sum[:8]) + ".css"
	for _, name := range []string{"home", "bundle", "failure"} {
		t := template.New("layout.tmpl").Funcs(template.FuncMap{"style": func() string { return p.stylePath }, "date": date})
		if p.templates[name], err = t.ParseFS(files, "shared/layout.tmpl", name+"/"+name+".tmpl"); err != nil {
			return nil, fmt.Errorf("parsing page %s: %w", name, err)
		}
	}
	httpx.HandleGet(p.mux, "/{$}", p.page(p.home))
	httpx.HandleGet(p.mux, "/bundles/{namespace}/{name}", p.page(p.bundle))
	httpx.HandleGet(p.mux, p.stylePath, http.HandlerFunc(p.serveStyle))
	p.mux.HandleFunc("/", p.page(func(r *http.Request) (view, error) {
		return view{}, mesh.Errorf(mesh.CodeNotFound, "there is nothing at %s", r.URL.Path).WithHint("begin at the first page")
	}))
	return p, nil
}

// ServeHTTP implements [http.Handler].
func (p *Pages) ServeHTTP(w http.ResponseWriter, r *http.Request) { p.mux.ServeHTTP(w, r) }

// date is how pages write a time.
func date(t time.Time) string { return t.UTC().Format(time.DateOnly) }

func (p *Pages) serveStyle(w http.ResponseWriter, _ *http.Request) {
	h := w.Header()
	h.Set("Content-Type", "text/css; charset=utf-8")
	h.Set("Cache-Control", "public, immutable, max-age="+strconv.Itoa(int(styleAge/time.Second)))
	h.Set("X-Content-Type-Options", "nosniff")
	_, _ = w.Write(p.style) // the client has gone: nobody is left to tell
}

// view is a page to be rendered.
type view struct {
	template string
	Title    string
	Content  any
}

// page turns a function that looks up what a page shows into a handler. What
// it cannot show becomes the failure page or, for a program, a problem.
func (p *Pages) page(load func(*http.Request) (view, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		status := http.StatusOK
		v, err := load(r)
		if err != nil && !wantsPage(r) {
			httpx.WriteProblem(w, r, err)
			return
		}
		if err != nil {
			v, status = p.failure(r, err)
		}
		var body bytes.Buffer
		if err := p.templates[v.template].Execute(&body, v); err != nil {
			httpx.WriteProblem(w, r, fmt.Errorf("rendering page %s: %w", v.template, err))
			return
		}
		h := w.Header()
		h.Set("Content-Type", "text/html; charset=utf-8")
		h.Set("Content-Security-Policy", securityPolicy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cache-Control", "no-cache")
		w.WriteHeader(status)
		if r.Method != http.MethodHead {
			_, _ = w.Write(body.Bytes()) // the client has gone: nobody is left to tell
		}
	}
}

// wantsPage reports whether a person asks: browsers name HTML, programs do not.
func wantsPage(r *http.Request) bool {
	return strings.Contains(r.Header.Get("Accept"), "text/html")
}

// failure says what is wrong and what to do, as the API's problems do.
func (p *Pages) failure(r *http.Request, err error) (view, int) {
	httpx.RecordError(r.Context(), err)
	problem := httpx.NewProblem(err, httpx.RequestID(r.Context()))
	return view{template: "failure", Title: problem.Title, Content: problem}, problem.Status
}

// homeContent is what the first page shows.
type homeContent struct {
	Query  hubapi.SearchQuery
	Result hubapi.SearchResult
	Info   hubapi.HubInfo
	Facets []facet
	Next   string // address of the next page; empty on the last
	Asked  bool   // the visitor searched for something
}

// facet narrows the result down.
type facet struct {
	Title  string
	Values []facetValue
}

type facetValue struct {
	Label    string
	Count    int
	Link     string
	Selected bool // the link then removes it
}

// facetTitles are the facets a page shows, in order, by the parameter of the
// query they set.
var facetTitles = []struct{ parameter, title string }{
	{"framework", "Framework"}, {"vendor", "Vendor"}, {"status", "Status"},
}

// facetLength is how many values of a facet a page shows.
const facetLength = 12

func (p *Pages) home(r *http.Request) (view, error) {
	params := r.URL.Query()
	q := hubapi.SearchQuery{
		Text: params.Get("q"), Framework: mesh.FrameworkID(params.Get("framework")), Control: params.Get("control"),
		Vendor: params.Get("vendor"), Status: params.Get("status"), Cursor: params.Get("cursor"), Limit: pageSize,
	}
	result, err := p.catalog.Search(r.Context(), q)
	if err != nil {
		return view{}, err
	}
	c := homeContent{Query: q, Result: result, Info: p.catalog.Info(r.Context())}
	c.Asked = q.Text != "" || q.Framework != "" || q.Control != "" || q.Vendor != "" || q.Status != ""
	for _, f := range facetTitles {
		if values := facetValues(params, f.parameter, result.Facets[f.parameter]); len(values) > 0 {
			c.Facets = append(c.Facets, facet{Title: f.title, Values: values})
		}
	}
	if result.Next != "" {
		c.Next = link(params, "cursor", result.Next)
	}
	title := "Policy bundles"
	if q.Text != "" {
		title = q.Text + " – policy bundles"
	}
	return view{template: "home", Title: title, Content: c}, nil
}

func facetValues(params url.Values, parameter string, counted []hubapi.Facet) []facetValue {
	var out []facetValue
	for _, f := range counted[:min(len(counted), facetLength)] {
		v := facetValue{Label: f.Value, Count: f.Count, Selected: params.Get(parameter) == f.Value}
		if v.Selected {
			v.Link = link(params, parameter, "")
		} else {
			v.Link = link(params, parameter, f.Value)
		}
		out = append(out, v)
	}
	return out
}

// link is the address of the page with one parameter changed, from the
// beginning of its result unless that is what changes.
func link(params url.Values, name, value string) string {
	changed := url.Values{}
	for k := range params {
		if v := params.Get(k); v != "" && k != "cursor" {
			changed.Set(k, v)
		}
	}
	changed.Del(name)
	if value != "" {
		changed.Set(name, value)
	}
	return "/?" + changed.Encode()
}

func (p *Pages) bundle(r *http.Request) (view, error) {
	ref, err := mesh.ParseBundleRef(r.PathValue("namespace") + "/" + r.PathValue("name"))
	if err != nil {
		return view{}, err
	}
	b, err := p.catalog.Bundle(r.Context(), ref, r.URL.Query().Get("version"))
	if err != nil {
		return view{}, err
	}
	return view{template: "bundle", Title: b.Title, Content: b}, nil
}
