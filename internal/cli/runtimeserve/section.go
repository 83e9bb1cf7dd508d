package runtimeserve

import (
	"cmp"
	"errors"
	"path/filepath"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/internal/cli/command"
	"github.com/ai-agent-mesh/mesh/internal/cli/session"
	"github.com/ai-agent-mesh/mesh/internal/config"
	"github.com/ai-agent-mesh/mesh/internal/node"
)

// dataDirHelp says in help texts where the data directory is.
const dataDirHelp = "aimesh/runtime in the user's data directory"

// section is the configuration file's section "runtime".
type section struct {
	node.Config `yaml:",inline"`
	dataDir     string // the default
}

// Key returns the name of the section.
func (*section) Key() string { return "runtime" }

// SetDefaults fills what is empty.
func (s *section) SetDefaults() {
	if s.DataDir == "" {
		s.DataDir = s.dataDir
	}
	s.Config.SetDefaults()
}

// Validate reports everything that is wrong.
func (s *section) Validate() []mesh.Finding {
	var findings []mesh.Finding
	for _, err := range separate(s.Config.Validate()) {
		findings = append(findings, mesh.Finding{Level: mesh.LevelError, Rule: "runtime", Message: err.Error(), Hint: mesh.HintOf(err)})
	}
	return findings
}

// separate takes joined errors apart.
func separate(err error) []error {
	var joined interface{ Unwrap() []error }
	switch {
	case err == nil:
		return nil
	case errors.As(err, &joined):
		return joined.Unwrap()
	}
	return []error{err}
}

// configure puts file, environment, flags and the stored login together.
func configure(env *command.Env, opts *Options) (*section, *config.File, error) {
	s := &section{dataDir: filepath.Join(command.DataDir(env), "runtime")}
	file, err := config.Load(opts.ConfigFile, s, config.Other("hub"))
	if err != nil {
		return nil, nil, err
	}
	if s.TokenFile != "" && opts.ConfigFile != "" && !filepath.IsAbs(s.TokenFile) {
		s.TokenFile = filepath.Join(filepath.Dir(opts.ConfigFile), s.TokenFile)
	}
	for _, set := range opts.Set {
		set(&s.Config)
	}
	hub, login, err := session.Lookup(env, s.Hub)
	if err != nil {
		return nil, nil, err
	}
	if err := session.CheckTransport(hub, opts.InsecureHTTPUnsafe || login.InsecureHTTPUnsafe); err != nil {
		return nil, nil, err
	}
	s.Hub = hub.String()
	if s.Token, s.TokenFile, err = credentials(env, opts.TokenFile, s.TokenFile, login); err != nil {
		return nil, nil, err
	}
	return s, file, file.Finish()
}

// credentials decides what enrols the runtime. A token file is passed on
// unread: an enrolled runtime does not need it any more.
func credentials(env *command.Env, fromFlag, fromConfig string, login session.Login) (token, tokenFile string, err error) {
	if fromFlag != "" {
		return "", fromFlag, nil
	}
	if token, err = session.TokenFromEnv(env); token != "" || err != nil {
		return token, "", err
	}
	if file := cmp.Or(env.Getenv("MESH_TOKEN_FILE"), fromConfig); file != "" {
		return "", file, nil
	}
	return login.Token, "", nil
}
