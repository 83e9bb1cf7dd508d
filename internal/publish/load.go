package publish

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine"
	"github.com/ai-agent-mesh/mesh/engine/cases"
	"github.com/ai-agent-mesh/mesh/engine/policy"
	"github.com/ai-agent-mesh/mesh/engine/yamldoc"
	"github.com/ai-agent-mesh/mesh/registry/bundle"
	"github.com/ai-agent-mesh/mesh/registry/strictyaml"
)

// The names of source files, besides [MetadataFile], bundle.RulesTitle and
// bundle.ReadmeTitle.
const (
	// CasesSuffix ends the names of files with cases, at any depth.
	CasesSuffix = "_test.yaml"
	// OPAFile is what `opa build` writes; it is carried along if it is there.
	OPAFile = "bundle.tar.gz"
)

// maxDepth bounds how deep directories with cases are nested.
const maxDepth = 8

// LoadOptions says how to read sources.
type LoadOptions struct {
	// Ref is "namespace/name:version". It is needed for a lone policy file and
	// wins over a bundle.yaml.
	Ref string
	// Controls resolves control labels. Nil accepts any as written.
	Controls policy.ControlIndex
	// Base finds what the policy extends and the sources do not hold. Nil
	// knows nothing more.
	Base BaseFunc
}

// Load reads sources: a directory with bundle.yaml and policy.yaml, and cases
// named *_test.yaml, README.md and bases where there are any; or a lone policy
// file together with [LoadOptions.Ref]. The findings say everything that is wrong
// with the form of what was read, each with its place; the source is nil if
// any is an error. What the policy means is for [Source.Check]; where there will
// be no source to check, the findings say that, too. The error is for what could
// not be read at all, and that of ctx if it ended; where only a base could not be
// asked for, the findings are there, too.
func Load(ctx context.Context, name string, opts LoadOptions) (*Source, []mesh.Finding, error) {
	ref, version, err := parseRef(opts.Ref)
	if err != nil {
		return nil, nil, err
	}
	epoch, err := sourceDateEpoch()
	if err != nil {
		return nil, nil, err
	}
	info, err := os.Stat(name)
	if err != nil {
		return nil, nil, notThere(name, err)
	}
	l := &loader{root: name, opts: opts, meta: metadata{ref: ref, version: version, annotations: map[string]string{}}}
	if info.IsDir() {
		err = l.directory(ctx)
	} else {
		err = l.lone()
	}
	if err != nil {
		return nil, nil, fmt.Errorf("reading the sources in %s: %w", name, err)
	}
	if l.meta.created.IsZero() {
		l.meta.created = epoch
	}
	source := l.source()
	if l.unasked != nil {
		err = fmt.Errorf("reading the sources in %s: %w", name, l.unasked)
	}
	if err != nil || mesh.HasErrors(l.findings) {
		l.findings = append(l.findings, l.meaning()...)
		source = nil
	}
	return source, yamldoc.Bound(yamldoc.InOrder(l.findings)), err
}

// parseRef reads "namespace/name:version"; empty is nothing.
func parseRef(s string) (mesh.BundleRef, bundle.Version, error) {
	if s == "" {
		return mesh.BundleRef{}, bundle.Version{}, nil
	}
	const hint = "write namespace/name:version, for example acme/export-control:1.0.0"
	name, tag, found := strings.Cut(s, ":")
	if !found {
		return mesh.BundleRef{}, bundle.Version{}, mesh.Errorf(mesh.CodeInvalid, "%q names no version", s).WithHint(hint)
	}
	ref, err := mesh.ParseBundleRef(name)
	if err != nil {
		return mesh.BundleRef{}, bundle.Version{}, err
	}
	version, err := bundle.ParseVersion(tag)
	if err != nil {
		return mesh.BundleRef{}, bundle.Version{}, err
	}
	return ref, version, nil
}

func notThere(name string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return mesh.Errorf(mesh.CodeNotFound, "there is no %s", name).WithHint("start a policy with mesh policy init")
	}
	return fmt.Errorf("reading the sources in %s: %w", name, err)
}

// loader collects the files of one source.
type loader struct {
	root     string
	opts     LoadOptions
	meta     metadata
	yaml     strictyaml.Node  // bundle.yaml, if there is one
	doc      *policy.Document // merged with its bases; partial if it has errors
	files    []bundle.File
	cases    cases.Reader
	suites   []*cases.Suite
	findings []mesh.Finding
	unasked  error // why the policy's base could not be asked for
}

func (l *loader) add(pos mesh.Position, rule, hint, format string, args ...any) {
	l.findings = append(l.findings, mesh.Finding{Position: pos, Level: mesh.LevelError, Rule: rule, Message: fmt.Sprintf(format, args...), Hint: hint})
}

// lone reads a policy file by itself.
func (l *loader) lone() error {
	if l.meta.ref.IsZero() {
		return mesh.Errorf(mesh.CodeInvalid, "%s is a lone policy file, which does not say whose release it is", l.root).
			WithHint("add --ref namespace/name:version, or put it as policy.yaml into a directory with a bundle.yaml")
	}
	return l.policy(l.root)
}

// directory reads bundle.yaml first, because what it excuses decides what is
// missing.
func (l *loader) directory(ctx context.Context) error {
	if err := l.metadata(); err != nil {
		return err
	}
	file := filepath.Join(l.root, bundle.RulesTitle)
	switch err := l.policy(file); {
	case errors.Is(err, fs.ErrNotExist):
		l.add(mesh.Position{File: file}, strictyaml.RuleMissing, "write the policy into it, or start with mesh policy init", "there is no %s", bundle.RulesTitle)
	case err != nil:
		return err
	}
	for name, mediaType := range map[string]string{bundle.ReadmeTitle: bundle.MediaTypeDocs, OPAFile: bundle.MediaTypeOPA} {
		data, err := readFile(filepath.Join(l.root, name), bundle.MaxBundleSize)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		l.files = append(l.files, bundle.File{Title: name, MediaType: mediaType, Data: data})
	}
	// The separator makes a root that is itself a link be followed: its cases
	// are the gate's, however the directory was named.
	return filepath.WalkDir(l.root+string(filepath.Separator), func(name string, entry fs.DirEntry, err error) error {
		return l.visit(ctx, name, entry, err)
	})
}

// metadata reads bundle.yaml. It may be missing if the reference is given.
func (l *loader) metadata() error {
	file := filepath.Join(l.root, MetadataFile)
	given := l.meta
	data, err := readFile(file, strictyaml.MaxSize)
	if errors.Is(err, fs.ErrNotExist) {
		if given.ref.IsZero() {
			l.add(mesh.Position{File: file}, strictyaml.RuleMissing, "write namespace, name and version into it, or add --ref namespace/name:version", "there is no %s", MetadataFile)
		}
		return nil
	}
	if err != nil {
		return err
	}
	l.yaml = strictyaml.Parse(file, data)
	l.meta = parseMetadata(l.yaml, !given.ref.IsZero())
	if !given.ref.IsZero() {
		l.meta.ref, l.meta.version = given.ref, given.version
	}
	return nil
}

func (l *loader) policy(file string) error {
	data, err := ReadSource(file)
	if err != nil {
		return err
	}
	doc, bases, findings, err := ReadPolicy(file, data, BesideSources(filepath.Dir(file), l.opts.Base))
	l.findings, l.unasked = append(l.findings, findings...), err
	l.doc = doc
	l.files = append(l.files, bundle.BaseFiles(bases)...)
	l.files = append(l.files, bundle.File{Title: bundle.RulesTitle, MediaType: bundle.MediaTypeRules, Data: data})
	return nil
}

// visit takes the files of cases. Hidden directories are passed over. What
// looks like cases but is not read is reported: a gate must not pass because
// it did not look.
func (l *loader) visit(ctx context.Context, name string, entry fs.DirEntry, err error) error {
	if err != nil {
		return err
	}
	relative, err := filepath.Rel(l.root, name)
	if err != nil {
		return err
	}
	title := filepath.ToSlash(relative)
	if entry.IsDir() {
		if title != "." && strings.HasPrefix(entry.Name(), ".") {
			return fs.SkipDir
		}
		return nil
	}
	switch {
	case !strings.HasSuffix(title, CasesSuffix):
		return nil
	case !entry.Type().IsRegular():
		l.add(mesh.Position{File: name}, RuleCasesFile, "put the file itself into the directory, or rename what is not cases", "%s is not a regular file", title)
		return nil
	case strings.Count(title, "/") > maxDepth:
		l.add(mesh.Position{File: name}, RuleCasesFile, "move it further up", "%s lies deeper than %d directories", title, maxDepth)
		return nil
	case len(l.files) >= bundle.MaxLayers:
		return mesh.Errorf(mesh.CodeTooLarge, "there are more than %d files of cases", bundle.MaxLayers)
	}
	data, err := readFile(name, bundle.MaxBundleSize)
	if err != nil {
		return err
	}
	l.files = append(l.files, bundle.File{Title: title, MediaType: bundle.MediaTypeTests, Data: data})
	suite, findings := parseCases(ctx, &l.cases, name, title, data)
	if err := ctx.Err(); err != nil {
		return err
	}
	l.findings = append(l.findings, findings...)
	if suite != nil {
		l.suites = append(l.suites, suite)
	}
	return nil
}

// meaning says what is wrong with the meaning of what was read, as far as it is
// understood.
func (l *loader) meaning() []mesh.Finding {
	if l.doc == nil {
		return nil
	}
	return append(engine.Lint(l.doc, l.opts.Controls), lintSuites(l.suites, l.doc)...)
}

// lintSuites reports what no decision is needed for to say that cases fail.
func lintSuites(suites []*cases.Suite, doc *policy.Document) []mesh.Finding {
	var out []mesh.Finding
	for _, s := range suites {
		out = append(out, s.Lint(doc)...)
	}
	return out
}

// parseCases reads a file of cases and checks that it is about the bundle's
// policy. The suite has no cases if any finding is an error, and is nil if
// nothing can be compared with the policy.
func parseCases(ctx context.Context, r *cases.Reader, file, title string, data []byte) (*cases.Suite, []mesh.Finding) {
	suite, findings := r.Salvage(ctx, file, data)
	if suite == nil {
		return nil, findings
	}
	if tested := path.Join(path.Dir(title), suite.Policy); suite.Policy != "" && tested != bundle.RulesTitle {
		wanted := strings.Repeat("../", strings.Count(title, "/")) + bundle.RulesTitle
		findings = append(findings, mesh.Finding{
			Position: mesh.Position{File: file}, Level: mesh.LevelError, Rule: RuleCasesPolicy,
			Message: fmt.Sprintf("the cases are for %q, not for the bundle's policy", suite.Policy),
			Hint:    "write policy: " + wanted,
		})
		return nil, findings
	}
	return suite, findings
}

// source joins what was read. It must be called once, last: controls named in
// bundle.yaml are resolved against the document.
func (l *loader) source() *Source {
	s := &Source{
		Ref: l.meta.ref, Version: l.meta.version, Document: l.doc,
		files: l.files, created: l.meta.created, annotations: l.meta.annotations, suites: l.suites, controls: l.opts.Controls,
	}
	if l.doc != nil && !l.doc.Partial() {
		if len(l.doc.Params) > 0 {
			s.files = append(s.files, bundle.File{Title: bundle.ParamsTitle, MediaType: bundle.MediaTypeParams, Data: l.doc.ParamsSchema()})
		}
		s.config = describe(l.doc, l.meta, l.opts.Controls)
	}
	l.findings = slices.Concat(l.yaml.Findings(), l.findings)
	return s
}

// ReadSource reads the file of a policy or of cases. Of one that is larger than
// those may be it returns enough for the parser to say where that begins. The
// error is that of package os.
func ReadSource(name string) ([]byte, error) {
	const enough = 8 // the length of the longest character and a byte order mark
	return readSome(name, yamldoc.MaxSize+enough)
}

// errNoFile is the reason why what is no regular file is not read.
var errNoFile = errors.New("it is not a regular file")

// devices hold what is no regular file and was named on purpose, such as
// /dev/stdin.
const devices = "/dev/"

// readSome reads the first bytes of a file, at most limit. A pipe that lies
// among sources is refused: whoever opens it waits for somebody to write.
func readSome(name string, limit int64) ([]byte, error) {
	if info, err := os.Stat(name); err == nil && !info.Mode().IsRegular() && !info.IsDir() && !strings.HasPrefix(name, devices) {
		return nil, &fs.PathError{Op: "read", Path: name, Err: errNoFile}
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(f, limit))
	return data, errors.Join(err, f.Close())
}

// readFile reads a file of at most limit bytes.
func readFile(name string, limit int64) ([]byte, error) {
	data, err := readSome(name, limit+1)
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > limit {
		return nil, mesh.Errorf(mesh.CodeTooLarge, "%s has more than the %d bytes allowed", name, limit)
	}
	return data, nil
}
