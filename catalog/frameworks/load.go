package frameworks

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/ai-agent-mesh/mesh"
)

//go:embed data
var data embed.FS

// notation is how a framework's controls are cited, as data/frameworks.json
// states it.
type notation struct {
	// Prefixes are words that may stand before an identifier: "Article".
	Prefixes []string `json:"prefixes,omitzero"`
	// Synonyms replace one word of an identifier by another: "gv" by
	// "govern".
	Synonyms map[string]string `json:"synonyms,omitzero"`
	// Paragraphs says what may follow an identifier and still mean it.
	Paragraphs paragraphs `json:"paragraphs"`
}

// paragraphs says which parts below a listed control belong to it. Numbers
// are identifiers of their own in some frameworks: AC-2(6) is not a part of
// AC-2 but another control, which the baseline leaves out.
type paragraphs string

const (
	anyParagraph    paragraphs = "any"
	letterParagraph paragraphs = "letters"
	noParagraph     paragraphs = "none"
)

// frameworkFile is an entry of data/frameworks.json.
type frameworkFile struct {
	Framework
	notation
}

// controlFile is a row of data/controls/<framework>.json; its ids are local.
type controlFile struct {
	Control
	Aliases []string `json:"aliases,omitzero"`
	First   string   `json:"first,omitzero"`
	Last    string   `json:"last,omitzero"`
}

// Catalog holds the frameworks and their controls. It is immutable and safe
// for concurrent use; make one with [Load].
type Catalog struct {
	frameworks []Framework
	byName     map[string]mesh.FrameworkID // folded id or alias
	names      []string                    // the same, as they are written
	lists      map[mesh.FrameworkID]*controls
}

// controls is the list of one framework and the index over it.
type controls struct {
	rows  []Control
	byID  map[mesh.ControlID]int
	index *index
}

// Load reads the embedded lists. Each call reads them anew. An error means
// that this build's data is broken.
func Load() (*Catalog, error) {
	var files []frameworkFile
	if err := decode("data/frameworks.json", &files); err != nil {
		return nil, err
	}
	c := &Catalog{byName: map[string]mesh.FrameworkID{}, lists: map[mesh.FrameworkID]*controls{}}
	for _, f := range files {
		if err := c.add(f); err != nil {
			return nil, fmt.Errorf("loading framework %s: %w", f.ID, err)
		}
	}
	return c, nil
}

func decode(name string, into any) error {
	raw, err := data.ReadFile(name)
	if err != nil {
		return fmt.Errorf("reading embedded file: %w", err)
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		return fmt.Errorf("decoding %s: %w", name, err)
	}
	return nil
}

func (c *Catalog) add(f frameworkFile) error {
	f.Framework.notation = f.notation
	switch f.Paragraphs {
	case anyParagraph, letterParagraph, noParagraph:
	default:
		return fmt.Errorf("paragraphs: %q is none of any, letters, none", f.Paragraphs)
	}
	for _, name := range append([]string{string(f.ID)}, f.Aliases...) {
		if other, ok := c.byName[fold(name)]; ok && other != f.ID {
			return fmt.Errorf("%q already names %s", name, other)
		}
		c.byName[fold(name)] = f.ID
		c.names = append(c.names, name)
	}
	list, err := readControls(f.Framework)
	if err != nil {
		return err
	}
	c.frameworks = append(c.frameworks, f.Framework)
	c.lists[f.ID] = list
	return nil
}

func readControls(f Framework) (*controls, error) {
	var files []controlFile
	if err := decode("data/controls/"+string(f.ID)+".json", &files); err != nil {
		return nil, err
	}
	list := &controls{byID: make(map[mesh.ControlID]int, len(files))}
	for _, file := range files {
		row := file.Control
		if !row.Enforcement.valid() || !row.Addressee.valid() {
			return nil, fmt.Errorf("%s: enforcement %q or addressee %q is unknown", row.ID, row.Enforcement, row.Addressee)
		}
		row.ID = mesh.NewControlID(f.ID, string(row.ID))
		row.spellings = file.Aliases
		if row.Label != "" {
			row.spellings = append(row.spellings, row.Label)
		}
		row.span = [2]string{file.First, file.Last}
		if _, ok := list.byID[row.ID]; ok {
			return nil, fmt.Errorf("%s is listed twice", row.ID)
		}
		list.byID[row.ID] = len(list.rows)
		list.rows = append(list.rows, row)
	}
	var err error
	list.index, err = newIndex(f.notation, list.rows)
	return list, err
}

// Frameworks returns every framework in the order of the catalog. The slice is
// the caller's.
func (c *Catalog) Frameworks() []Framework { return slices.Clone(c.frameworks) }

// Framework returns the framework of that id, spelled exactly; see
// [Catalog.FrameworkID] for other spellings.
func (c *Catalog) Framework(id mesh.FrameworkID) (Framework, bool) {
	i := slices.IndexFunc(c.frameworks, func(f Framework) bool { return f.ID == id })
	if i < 0 {
		return Framework{}, false
	}
	return c.frameworks[i], true
}

// Controls returns the rows of a framework in its own order; nil for an
// unknown one. The slice is the caller's.
func (c *Catalog) Controls(id mesh.FrameworkID) []Control {
	list, ok := c.lists[id]
	if !ok {
		return nil
	}
	return slices.Clone(list.rows)
}

// Control returns the row with exactly that id; see [Catalog.Resolve] for
// other spellings.
func (c *Catalog) Control(id mesh.ControlID) (Control, bool) {
	list, ok := c.lists[id.Framework()]
	if !ok {
		return Control{}, false
	}
	i, ok := list.byID[id]
	if !ok {
		return Control{}, false
	}
	return list.rows[i], true
}
