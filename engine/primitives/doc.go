// Package primitives is the library of enforcement primitives that the
// built-in sections of a policy bind parameters to. Each is defined once, as
// data: the YAML path and type of its parameters, the CEL it means, the
// controls it can serve, its message and its recommendation.
package primitives
