"""The command `animcore`: one module a command, arguments in, pipelines called."""
