"""The shape of lists in the API."""

from rest_framework.pagination import PageNumberPagination


class Pages(PageNumberPagination):
    """Lists come as count, next, previous, results; 50 at a time unless `page_size` says otherwise."""

    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 500
