"""Shows dcp-engine's runs to Prometheus, through the textfile collector of node_exporter."""
