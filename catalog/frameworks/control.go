package frameworks

import "github.com/ai-agent-mesh/mesh"

// Enforcement says how a control can be met.
type Enforcement string

// The ways to meet a control.
const (
	// Runtime controls are carried out by a decision at the moment of an
	// action.
	Runtime Enforcement = "runtime"
	// Evidence controls are computed from telemetry or configuration.
	Evidence Enforcement = "evidence"
	// Attestation controls depend on people, contracts or law: somebody
	// answers for them in a dated document.
	Attestation Enforcement = "attestation"
	// Container controls are headings: they are met by what stands under
	// them.
	Container Enforcement = "container"
)

func (e Enforcement) valid() bool {
	switch e {
	case Runtime, Evidence, Attestation, Container:
		return true
	}
	return false
}

// Addressee says whom a control binds. What does not bind the operator is
// accounted for in a pack, never counted as passed.
type Addressee string

// The addressees.
const (
	Operator    Addressee = "operator"     // whoever runs the agents: controller, covered entity, deployer
	Authority   Addressee = "authority"    // a supervisory authority, court or legislator
	DataSubject Addressee = "data-subject" // the person the data is about
	Nobody      Addressee = "none"         // scope, definitions and the like
)

func (a Addressee) valid() bool {
	switch a {
	case Operator, Authority, DataSubject, Nobody:
		return true
	}
	return false
}

// Framework describes one framework of the catalog.
type Framework struct {
	ID        mesh.FrameworkID `json:"id"`
	Title     string           `json:"title"`
	Edition   string           `json:"edition"`   // which text the list follows
	Publisher string           `json:"publisher"` // who issues the framework
	Source    string           `json:"source"`    // where the list comes from
	License   string           `json:"license"`   // of what the list repeats
	// Aliases are other names the framework is known by, compared without
	// case, spaces and punctuation.
	Aliases []string `json:"aliases,omitzero"`

	notation notation
}

// Control is one row of a framework.
type Control struct {
	ID          mesh.ControlID `json:"id"`              // "gdpr:Art.17"
	Title       string         `json:"title,omitzero"`  // short title; empty where it is copyrighted
	Topic       string         `json:"topic,omitzero"`  // what it is about, in the project's own words
	Label       string         `json:"label,omitzero"`  // the publisher's spelling where it differs from the id: "AC-2(1)"
	Parent      string         `json:"parent,omitzero"` // local id of the control, or name of the part, it stands under
	Kind        string         `json:"kind,omitzero"`   // what the framework calls such a row: section, standard, …
	Addressee   Addressee      `json:"addressee"`
	Enforcement Enforcement    `json:"enforcement"`
	// Requirement is "required" or "addressable" for the implementation
	// specifications of the HIPAA Security Rule (45 CFR 164.306(d)), else
	// empty.
	Requirement string `json:"requirement,omitzero"`
	Citation    string `json:"citation,omitzero"`  // sections of law behind a row that is not itself a section
	Inherited   bool   `json:"inherited,omitzero"` // usually met by the hosting provider
	Note        string `json:"note,omitzero"`      // anything a reader must know, such as that it was vacated

	spellings []string  // further ways to cite it
	span      [2]string // first and last section of a row that stands for a range; empty otherwise
}

// Name returns the title or, where there is none, the topic.
func (c Control) Name() string {
	if c.Title != "" {
		return c.Title
	}
	return c.Topic
}
