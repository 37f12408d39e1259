"""An analysis as files: figures, tables, and one page that shows them all."""

from agebo_hpc.analysis.report.files import Analysis, best_of_methods, write_analysis

__all__ = ["Analysis", "best_of_methods", "write_analysis"]
