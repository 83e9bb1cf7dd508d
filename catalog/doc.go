// Package catalog is what the hub knows: releases and how they are found,
// namespaces and their keys, runtimes and what they follow, and the evidence
// they deliver.
//
// Services hold the rules: [Search] finds bundles, [Namespaces] looks after
// who may sign, [Fleet] enrols runtimes and tells them what to follow,
// [Evidence] answers what was decided. Each asks for the narrow store it
// needs; package catalog/sqlite implements them all, and catalog/catalogtest
// is the suite every implementation passes. What changes is announced through
// a [Notifier], so that waiting requests wake at once.
//
// How a push becomes a release is catalog/index, how a batch becomes evidence
// catalog/ingest, what evidence says of controls catalog/posture, and HTTP
// catalog/api. Results are the documents of catalog/hubapi: what is stored and
// what is told differ too little to say everything twice.
//
// Every method takes the tenant whose rows it works on. Nothing here reads a
// credential: callers check what a principal may do.
package catalog
