"""The memories: scikit-learn estimators that bind parameters to an energy and a dynamics."""
