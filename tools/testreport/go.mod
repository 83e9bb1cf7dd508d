module github.com/ai-agent-mesh/mesh/tools/testreport

go 1.26.0
