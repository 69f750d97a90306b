"""What people look at: the wallboard in the terminal, and Grafana dashboards as code."""
