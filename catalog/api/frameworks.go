package api

import (
	"context"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/catalog"
	"github.com/ai-agent-mesh/mesh/catalog/frameworks"
	"github.com/ai-agent-mesh/mesh/catalog/hubapi"
)

// FrameworkInput names a framework in the path.
type FrameworkInput struct {
	ID string `path:"framework" doc:"the framework's id or another of its names"`
}

func (r *routes) registerFrameworks() {
	get(r, "/frameworks", "list-frameworks", "frameworks", "The frameworks of the catalog", r.listFrameworks)
	get(r, "/frameworks/{framework}", "get-framework", "frameworks", "One framework", r.framework)
	get(r, "/frameworks/{framework}/controls", "list-controls", "frameworks", "The controls of a framework, in its own order", r.controls)
}

func (r *routes) listFrameworks(_ context.Context, in *Paging) (*pageOutput[hubapi.Framework], error) {
	all := r.Frameworks.Frameworks()
	return page(catalog.PageOf("frameworks", all, in.Cursor, in.Limit, func(f frameworks.Framework) string { return string(f.ID) }, r.describeFramework))
}

func (r *routes) describeFramework(f frameworks.Framework) hubapi.Framework {
	return hubapi.Framework{ID: f.ID, Title: f.Title, Version: f.Edition, Source: f.Source, Controls: len(r.Frameworks.Controls(f.ID))}
}

func (r *routes) findFramework(name string) (frameworks.Framework, error) {
	if id, ok := r.Frameworks.FrameworkID(name); ok {
		if f, ok := r.Frameworks.Framework(id); ok {
			return f, nil
		}
	}
	return frameworks.Framework{}, mesh.Errorf(mesh.CodeNotFound, "there is no framework %q", name).
		WithHint("`mesh framework list` shows the known ones")
}

func (r *routes) framework(_ context.Context, in *FrameworkInput) (*output[hubapi.Framework], error) {
	f, err := r.findFramework(in.ID)
	return one(r.describeFramework(f), err)
}

func (r *routes) controls(_ context.Context, in *struct {
	FrameworkInput
	Paging
}) (*pageOutput[hubapi.Control], error) {
	f, err := r.findFramework(in.ID)
	if err != nil {
		return nil, err
	}
	return page(catalog.PageOf("controls", r.Frameworks.Controls(f.ID), in.Cursor, in.Limit,
		func(c frameworks.Control) string { return string(c.ID) }, describeControl))
}

func describeControl(c frameworks.Control) hubapi.Control {
	out := hubapi.Control{ID: c.ID, Title: c.Title, Topic: c.Topic, Addressee: string(c.Addressee), Enforcement: string(c.Enforcement)}
	if c.Parent != "" {
		out.Parent = mesh.NewControlID(c.ID.Framework(), c.Parent)
	}
	return out
}
